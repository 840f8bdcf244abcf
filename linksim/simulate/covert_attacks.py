"""Factories of the attacks of an Eve who suspects that frames hide a signal, declared in `linksim.scenario.attacks`.

    ridge-reveal     symbols --> linear map, fitted to chosen pairs --> private signal --> public decoder --> private image
                     symbols --> public decoder --> host
    energy-detector  symbols --> energy in weak principal components, threshold --> table `detections`

What an attacker knows is decided as in `simulate.eve_factory`. For chosen pairs Eve may query Alice's transmitter, with its hider. If the
link derives keys, her queries have other keys than its frames, and she has none of them.
"""

import math

import numpy as np
import torch
from torch import Tensor

from linksim.attacks.attack import Attack, OperationAttack
from linksim.attacks.covert_detection import BANDS, EnergyDetector, EnergyTest
from linksim.attacks.model_inversion import noise_after_equalisation
from linksim.attacks.reveal import RidgeReveal, fit_ridge
from linksim.data.sources import load
from linksim.errors import LinksimError
from linksim.frames import ReceivedFrame
from linksim.link import over_the_air
from linksim.nets.cards import RuntimeSettings
from linksim.nets.codecs import DOWNSAMPLING, Codec
from linksim.nets.hiders import Hider, draw_hiding_key
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.rng import generator
from linksim.scenario.attacks import EnergyDetectorAttack, RidgeRevealAttack
from linksim.scenario.layers import CovertOptions
from linksim.schemes.covert_layer import hider_of
from linksim.simulate.eve_factory import CAPTURE_BATCH, EveContext, alices_encoder, codec_of
from linksim.worker import Named, Operation, Promise, Worker

REVEAL_BATCH = 32  # items
HELD_BACK = 0.25  # share of the plain signals from which the thresholds of the energy detector are


def make_ridge_reveal(options: RidgeRevealAttack, context: EveContext) -> Attack:
    """Factory of the attack `ridge-reveal`.

    Raises LinksimError if the stack is not a layer `covert` around a codec, or if the dataset has too few training images.
    """
    codec, layers, link = codec_of(context), context.options.scheme[:-1], context.options
    if codec is None or len(layers) != 1 or not isinstance(layers[0], CovertOptions):
        raise LinksimError("attack 'ridge-reveal' needs a scheme of one layer 'covert' around a codec")
    hider, keyed = hider_of(layers[0], context.load), layers[0].keys == "derived"
    equaliser, precision = link.channel.eve.equaliser, context.precision(RuntimeSettings(REVEAL_BATCH, "float32"))

    def make() -> Operation:
        reveal = _fitted(options, context, codec, hider, keyed)

        def run(symbols: Tensor, gain: Tensor, noise_power: Tensor) -> Named:
            received = ReceivedSymbols(symbols, gain, noise_power, equaliser)
            equalised, snr_db = equalise(received), -10.0 * noise_after_equalisation(received).log10()
            with precision():
                host = codec.decode(equalised, snr_db)
                private = codec.decode(reveal(equalised), torch.full_like(snr_db, reveal.snr_db))
            return {"images": torch.stack([host, private], dim=1)}

        return Operation("ridge_reveal", run, REVEAL_BATCH)

    return OperationAttack(context.worker, context.cached(("ridge-reveal", options, layers[0], link.scheme[-1], equaliser), make))


def _fitted(options: RidgeRevealAttack, context: EveContext, codec: Codec, hider: Hider, keyed: bool) -> RidgeReveal:
    """Return Eve's map, fitted to chosen pairs of training images. Each image is once a host and once a private image."""
    pairs, snr_db = options.num_chosen_pairs, options.assumed_snr_db
    signals = _plain_signals(context, codec, snr_db, pairs)
    hosts = signals.roll(1, dims=0)
    with torch.inference_mode():
        key = draw_hiding_key(generator(context.streams.key("eve/keys")), pairs, hider.places) if keyed else None
        parts = []
        for first in range(0, pairs, CAPTURE_BATCH):
            some = slice(first, first + CAPTURE_BATCH)
            of_part = None if key is None else type(key)(*(part[some].to(signals.device) for part in key))
            parts.append(hider.hide(hosts[some], signals[some], of_part))
        containers = torch.cat(parts)
        received = over_the_air(containers, snr_db, _unit_noise(context, containers)).symbols
        tile = math.gcd(options.tile, codec.side // DOWNSAMPLING)
        return fit_ridge(received, signals, hider.channels, tile, options.regularisation)


class EnergyDetection(Attack):
    """Eve's attack that tests every frame for a hidden signal and recovers no image.

    worker     worker that runs the operation
    operation  (received symbols, gain, noise power) -> statistic and threshold
    """

    def __init__(self, worker: Worker, operation: Operation) -> None:
        self._worker, self._operation = worker, operation

    def detect(self, copy: ReceivedFrame) -> Promise:
        """Return the promise of the tests; see `Attack.detect`."""
        return self._worker.promise(self._operation, copy.received, copy.gain, copy.noise_power)


def make_energy_detector(options: EnergyDetectorAttack, context: EveContext) -> Attack:
    """Factory of the attack `energy-detector`. It fits covert links and undefended ones, on which it has false alarms only.

    Raises LinksimError if an item of the link has another number of symbols than an image of its codec.
    """
    codec, equaliser = codec_of(context), context.options.channel.eve.equaliser
    if codec is None or context.stack.scheme.channel_uses != codec.channel_uses:
        raise LinksimError("attack 'energy-detector' needs a codec, and items that have the symbols of one image of it")

    def make() -> Operation:
        channels, rest = divmod(2 * codec.channel_uses, (codec.side // DOWNSAMPLING) ** 2)
        tile = math.gcd(options.tile, codec.side // DOWNSAMPLING)
        if rest or channels * tile**2 // 2 % BANDS:
            raise LinksimError(f"attack 'energy-detector' needs a square feature map, whose tiles have a multiple of {2 * BANDS} values")
        signals = _plain_signals(context, codec, options.assumed_snr_db, options.num_plain_images)
        held_back = round(HELD_BACK * len(signals))
        with torch.inference_mode():
            detector, plain = EnergyDetector(signals[held_back:], channels, codec.side, tile), signals[:held_back]
            test = EnergyTest(detector, plain, _unit_noise(context, plain), options.false_alarm_rate)

        def run(symbols: Tensor, gain: Tensor, noise_power: Tensor) -> Named:
            statistic, level = test(ReceivedSymbols(symbols, gain, noise_power, equaliser))
            return {"statistic": statistic, "threshold": level}

        return Operation("detect", run, REVEAL_BATCH)

    key = ("energy-detector", options, context.options.scheme[-1], equaliser)
    return EnergyDetection(context.worker, context.cached(key, make))


def _plain_signals(context: EveContext, codec: Codec, snr_db: float, count: int) -> Tensor:
    """Return the signals of a number of training images, complex [count, channel_uses]. Raises LinksimError if there are too few."""
    pixels, device = load(context.dataset, "train").images, next(codec.parameters()).device
    if len(pixels) < count:
        raise LinksimError(f"Eve's attack needs {count} training images, dataset {context.dataset!r} has {len(pixels)}")
    chosen, encode = generator(context.streams.key("eve/captured")).permutation(len(pixels))[:count], alices_encoder(codec, snr_db)
    with torch.inference_mode():
        images = (torch.from_numpy(pixels[part]).to(device) for part in np.array_split(chosen, -(-count // CAPTURE_BATCH)))
        return torch.cat([encode(part.permute(0, 3, 1, 2).float() / 255.0) for part in images])


def _unit_noise(context: EveContext, symbols: Tensor) -> Tensor:
    """Return complex noise of unit power, of the shape and on the device of symbols."""
    real = generator(context.streams.key("eve/noise")).standard_normal((*symbols.shape, 2), dtype=np.float32)
    noise: Tensor = torch.view_as_complex(torch.from_numpy(real)) * 0.5**0.5
    return noise.to(symbols.device)
