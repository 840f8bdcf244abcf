"""Whether the white box worked: the loss at the image that it found, compared with the loss at the image that Alice sent.

A search of Eq. (5) that stops above the loss of the true image has not minimised its objective. It has failed, and the quality of its image
says nothing about the attack. Eve cannot tell, because she does not know the true image; the simulator does. Every white-box condition of
the paper is therefore measured once more on a few faces, offline (`linksim.link`), with both losses. On the undefended link the search is
also started from the mean face and from the reconstruction of the inverse network, which Eve trains herself with her copy of the encoder.
The paper's start, an image of zeros, stays a row of its own.

Bob, the black box and the white box are measured on the same faces, and both attacks on the same received symbols, so that the order of the
three does not depend on results of other random draws.

Under the defence the symbols of the true image, in their own order, do not match those that Eve receives. The search then finds images
whose loss is far below that of the true one: it works, and minimises the wrong objective.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from linksim.attacks.white_box import WhiteBoxSettings, white_box, white_box_loss
from linksim.link import OfflineLink
from linksim.metrics import mse, psnr, ssim
from linksim.nets.codecs import Codec
from linksim.nets.inverters import Inverter
from linksim.nets.weights import load_model
from linksim.papers.miea.experiments import DEFENCES, OPEN, SNRS_DB, WHITE_BOX, Defence, Setup, codec, inverter
from linksim.papers.miea.magnitude_attack import sent_faces
from linksim.papers.miea.supplementary import SupplementaryTable, mean_face
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.schemes.deepjscc import DeepJscc
from linksim.schemes.parameters import uniform_parameters
from linksim.schemes.permutation import shuffle, unshuffle
from linksim.schemes.permutation_keys import PermutationKeySource
from linksim.secrecy import SessionKeys
from linksim.training.noise import unit_noise

NUM_FACES = {"open": 16, "defended": 4}  # per experiment, even; a search of 300 steps takes 2.4 s per face on one core
STARTS: Mapping[str, str] = {"zeros": "zeros, as in the paper", "mean": "the mean face", "inverse-network": "the inverse network's image"}
PAPER_START, BEST_START = "zeros", "inverse-network"
WORKED_SHARE = 0.9  # an attack worked in a condition if at least this share of its searches reached the loss at the truth
Reorder = Callable[[Tensor], Tensor]  # symbols complex [n, channel_uses], n even -> the same shape
METRICS = ("loss", "true_loss", "reached", "psnr_db", "ssim")


@dataclass(frozen=True)
class WhiteBoxCell:
    """Experiment: the white box in one channel condition, with the loss of Eq. (5) at the image found and at the true image.

    Metrics per face: the quality of Eve's image ("psnr_db", "ssim", "mse"), its "loss" and the "true_loss" of the image that Alice sent,
    both under Eve's objective, "reached" (1 if loss <= true_loss, else 0), and the same three of the black box on the same received symbols
    ("black:psnr_db", ...) and of Bob ("bob:psnr_db", ...).

    start   first image of the search, a name in `STARTS`
    mc, ec  SNR of the main channel and of Eve's in dB
    """

    defence: Defence
    start: str
    mc: int
    ec: int
    seed: int

    @property
    def key(self) -> str:
        return key(self.defence, self.start, self.mc, self.ec)

    @property
    def kind(self) -> str:
        return f"white-box losses {self.start} {self.size}"

    @property
    def size(self) -> int:
        return NUM_FACES["open" if self.defence is OPEN else "defended"]

    @property
    def _models(self) -> tuple[str, str]:
        return codec(self.mc), inverter(self.mc, self.defence.trained)

    def digest(self) -> str:
        condition = [self.defence.table, [dict(layer) for layer in self.defence.layers], self.start, self.mc, self.ec, self.size, self.seed]
        return hashlib.sha256(repr([1, condition, WHITE_BOX, *map(weights_of, self._models)]).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        codec, inverter = (load_model(name, kind).network for name, kind in zip(self._models, ("codec", "inverter"), strict=True))
        assert isinstance(codec, Codec)
        assert isinstance(inverter, Inverter)
        link, faces, streams = OfflineLink(DeepJscc(codec)), sent_faces(Setup(self.size, self.seed)), Streams(self.seed)
        encode = partial(link.encode, snr_db=self.mc)
        with torch.inference_mode():
            reorder, restore = self._defence(codec.rows)
            sent = reorder(encode(faces))
            noise = {who: unit_noise(streams, f"white-box/{who}", 0, *sent.shape) for who in ("eve", "bob")}
            received = link.channel(sent, self.ec, noise["eve"]).symbols
            at_bob = link.channel(restore(sent), self.mc, restore(noise["bob"]))
            bob = link.receive(at_bob, uniform_parameters(self.mc, self.size)).shown()[:, 0]
            found = {"bob:": bob, "black:": inverter.invert(received)}
            start = {"zeros": torch.zeros_like(faces), "mean": mean_face().expand_as(faces), "inverse-network": found["black:"]}[self.start]
        recipe = WhiteBoxSettings(**{name: WHITE_BOX[name] for name in ("learning_rate", "iterations", "tv_weight", "tolerance")})
        found[""] = white_box(encode, received, start, recipe, lambda step, *_: on_progress(self.size * step // recipe.iterations))
        with torch.inference_mode():
            loss, true_loss = (white_box_loss(encode, received, images, recipe.tv_weight) for images in (found[""], faces))
            values = {"loss": loss, "true_loss": true_loss, "reached": loss <= true_loss}
            for who, images in found.items():
                error = mse(images, faces)
                values |= {f"{who}psnr_db": psnr(error), f"{who}ssim": ssim(images, faces), f"{who}mse": error}
        return Measurement({name: value.double().numpy() for name, value in values.items()}, {})

    def _defence(self, rows: int) -> tuple[Reorder, Reorder]:
        """The functions by which Alice reorders the symbols of the pairs and Bob restores them; without a defence both change nothing."""
        if not self.defence.layers:
            return _unchanged, _unchanged
        (layer,), shape = self.defence.layers, (self.size // 2, 2, rows, -1)
        source = PermutationKeySource(
            SessionKeys(*[bytes(32)] * 6), 0, rows, 2, layer.get("permute", True), round(layer["substitution_ratio"] * rows)
        )
        keys = source.derive(0, self.size // 2)
        order, swapped = torch.from_numpy(keys.order), torch.from_numpy(keys.swapped)
        return (
            lambda symbols: shuffle(symbols.reshape(shape), order, swapped).reshape(symbols.shape),
            lambda symbols: unshuffle(symbols.reshape(shape), order, swapped).reshape(symbols.shape),
        )


def _unchanged(symbols: Tensor) -> Tensor:
    return symbols


def key(defence: Defence, start: str, mc: int, ec: int) -> str:
    """Key of an experiment.

    >>> key(OPEN, "mean", 0, 20)
    'white-box/table1/mean/mc0/ec20'
    """
    return f"white-box/{defence.table}/{start}/mc{mc}/ec{ec}"


def conditions(defence: Defence, start: str) -> dict[tuple[int, int], str]:
    """Keys of the nine channel conditions of a defence and a start, by (MC, EC) in dB."""
    return {(mc, ec): key(defence, start, mc, ec) for mc in SNRS_DB for ec in SNRS_DB}


def starts_of(defence: Defence) -> tuple[str, ...]:
    """Starts that are measured under a defence: all on the undefended link, otherwise the paper's."""
    return tuple(STARTS) if defence is OPEN else (PAPER_START,)


def worked(results: ResultStore, defence: Defence, start: str, mc: int, ec: int) -> bool | None:
    """Whether the attack worked in a condition: `WORKED_SHARE` of its searches reached the loss at the truth. None without a result."""
    name = key(defence, start, mc, ec)
    return bool(results[name].samples["reached"].mean() >= WORKED_SHARE) if name in results else None


def failed(results: ResultStore, start: str, mc: int, ec: int) -> str:
    """The note on an undefended condition in a table: "failed" where the attack from a start did not work, else empty."""
    return "failed" if worked(results, OPEN, start, mc, ec) is False else ""


def losses(setup: Setup) -> SupplementaryTable:
    """Loss at the image found, loss at the truth, share of searches that reached it, and image quality, in every condition."""
    experiments = tuple(
        WhiteBoxCell(defence, start, mc, ec, setup.seed)
        for defence in DEFENCES for start in starts_of(defence) for mc, ec in conditions(defence, start)
    )  # fmt: skip
    rows = tuple(
        Row(f"EC {ec} dB  {defence.name}, from {STARTS[start]}", tuple(Entry(key(defence, start, mc, ec)) for mc in SNRS_DB))
        for defence in DEFENCES for start in starts_of(defence) for ec in SNRS_DB
    )  # fmt: skip
    title = "White box: loss found / loss at the truth / share of searches that reached it / PSNR / SSIM"
    remarks = tuple(partial(failures, start=start) for start in STARTS)
    return SupplementaryTable(Table("white-box", title, tuple(f"MC {mc} dB" for mc in SNRS_DB), rows, METRICS, remarks), experiments)


def failures(results: ResultStore, start: str) -> str:
    """One sentence: the undefended conditions in which the search from a start failed; empty where results are missing."""
    states = {(mc, ec): worked(results, OPEN, start, mc, ec) for mc, ec in conditions(OPEN, start)}
    if None in states.values():
        return ""
    failed = [f"MC {mc} EC {ec} dB" for (mc, ec), state in states.items() if not state]
    return f"undefended, from {STARTS[start]}: " + (f"failed at {', '.join(failed)}" if failed else "worked in all conditions")
