"""Factories of Eve's attacks on self-noised features (DiffSem Sec. II-B).

    feature-inversion   features --> trained inverse network --> images
    label-probe         features --> trained classifier --> logits

Both are declared in `linksim.scenario.attacks`. They get the step T' and the network that their options name, and no keys of the session:
under a permutation or a rotation of the symbols they see shuffled features.
"""

import torch
from torch import Tensor

from linksim import operations
from linksim.attacks.attack import Attack, OperationAttack
from linksim.attacks.model_inversion import SymbolDecoder
from linksim.errors import LinksimError
from linksim.nets.feature_inverter import FeatureInverter
from linksim.nets.feature_receivers import FeatureReceiver
from linksim.nets.feature_symbols import channel_uses, to_features
from linksim.nets.weights import TrainedModel
from linksim.scenario.attacks import FeatureAttack, FeatureInversionAttack, LabelProbeAttack
from linksim.scenario.schemes import DiffsemOptions
from linksim.simulate.eve_factory import EveContext
from linksim.worker import Operation


def make_feature_inversion(options: FeatureInversionAttack, context: EveContext) -> Attack:
    """Factory of the attack `feature-inversion`.

    Raises LinksimError if the network takes another number of symbols per image than the link sends, or Eve knows no step.
    """
    model, step = context.load(options.inverter, "feature-inverter"), _step(options, context)
    network = model.network
    assert isinstance(network, FeatureInverter)

    def decode(symbols: Tensor) -> Tensor:
        return network.invert(to_features(symbols, network.channels), torch.full((len(symbols),), step, device=symbols.device))

    return _attack(options, context, model, network.channels, decode, "images")


def make_label_probe(options: LabelProbeAttack, context: EveContext) -> Attack:
    """Factory of the attack `label-probe`. Raises LinksimError as `make_feature_inversion` does."""
    model, step = context.load(options.probe, "feature-receiver"), _step(options, context)
    network = model.network
    assert isinstance(network, FeatureReceiver)

    def decode(symbols: Tensor) -> Tensor:
        features = to_features(symbols, network.channels)
        logits: Tensor = network(features, features, torch.full((len(symbols),), step, device=symbols.device))
        return logits

    return _attack(options, context, model, network.channels, decode, "logits")


def _step(options: FeatureAttack, context: EveContext) -> int:
    """Return the step that Eve assumes. Raises LinksimError if her options have none and the scheme has no self-noising."""
    if options.t_prime is not None:
        return options.t_prime
    scheme = context.options.scheme[-1]
    if not isinstance(scheme, DiffsemOptions):
        raise LinksimError(f"attack {options.attack!r}: scheme {scheme.name!r} has no step T'; set eve.t_prime, in 0..500")
    return scheme.t_prime


def _attack(
    options: FeatureAttack, context: EveContext, model: TrainedModel, channels: int, decode: SymbolDecoder, result: operations.DecodedAs
) -> Attack:
    """Return the attack that decodes every image of a frame on its own. Its operation is shared by all links with equal options."""
    link, uses, images = context.options, channel_uses(channels), context.stack.scheme.images_per_item
    if uses != context.base.scheme.channel_uses:
        raise LinksimError(f"Eve's attack takes {uses} symbols per image, the link sends {context.base.scheme.channel_uses}")
    equaliser, batch = link.channel.eve.equaliser, max(1, model.runtime.batch // images)

    def make() -> Operation:
        return operations.eve_decode(decode, uses, images, None, equaliser, batch, context.precision(model.runtime), result)

    key = ("eve_decode", options, link.scheme[-1], images, context.stack.scheme.channel_uses, equaliser)
    return OperationAttack(context.worker, context.cached(key, make))
