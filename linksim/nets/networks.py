"""The kinds of model, and the network that each kind and layout builds. `nets.weights` loads trained models of these kinds.

A card names the kind of its model; the keyword arguments on it, `layout` among them, build the network.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from linksim.nets.classifiers import WhitenedNet
from linksim.nets.codecs import ResidualJscc
from linksim.nets.detectors import Detector
from linksim.nets.feature_inverter import ConvInverter, LinearInverter
from linksim.nets.feature_mlp import FeatureMlp
from linksim.nets.feature_receivers import ConvReceiver, LinearReceiver
from linksim.nets.feature_unet import FeatureUNet
from linksim.nets.features import FeatureCodec
from linksim.nets.generator import Eigenfaces, StyleGenerator
from linksim.nets.inverters import InverseNet, LinearInverse
from linksim.nets.invertible import InvertibleHider
from linksim.nets.linear_hiders import LinearHider
from linksim.nets.miea import MieaInverse, MieaJscc
from linksim.nets.mlp_classifier import MlpClassifier
from linksim.nets.policy import Actor
from linksim.nets.unet import UNet
from linksim.nets.vit import VitJscc
from linksim.nets.vqvae import VqVae
from linksim.nets.wide_resnet import WideResNet
from linksim.registry import Component, add, suggest

NetworkFactory = Callable[..., nn.Module]


def by_layout(layouts: Mapping[str, NetworkFactory]) -> NetworkFactory:
    """Return a factory that builds the network named by its keyword argument `layout`, by default the first one."""

    def make(*, layout: str = next(iter(layouts)), **config: Any) -> nn.Module:
        if layout not in layouts:
            raise ValueError(f"no layout {layout!r}; {suggest(layout, layouts)}")
        return layouts[layout](**config)

    return make


NETWORKS: dict[str, NetworkFactory] = {
    "codec": by_layout({"residual": ResidualJscc, "miea": MieaJscc, "vit": VitJscc}),
    "classifier": by_layout({"whitened": WhitenedNet, "wide-resnet": WideResNet, "mlp": MlpClassifier}),
    "denoiser": UNet,
    "vqvae": VqVae,
    "policy": Actor,
    "inverter": by_layout({"residual": InverseNet, "miea": MieaInverse, "linear": LinearInverse}),
    "hider": by_layout({"invertible": InvertibleHider, "linear": LinearHider}),
    "detector": Detector,
    "generator": by_layout({"style": StyleGenerator, "eigenfaces": Eigenfaces}),
    "feature-codec": FeatureCodec,
    "feature-receiver": by_layout({"linear": LinearReceiver, "conv": ConvReceiver}),
    "feature-inverter": by_layout({"linear": LinearInverter, "conv": ConvInverter}),
    "feature-denoiser": by_layout({"u-net": FeatureUNet, "mlp": FeatureMlp}),
}
# Kinds with a function of their name in `nets.workloads`.
IN_BATCHES = ("codec", "classifier", "denoiser", "vqvae", "inverter", "hider", "detector", "generator", "feature-codec", "feature-denoiser")


def declare_networks() -> None:
    """Declare every kind of model as a component of kind "model"."""
    for kind, factory in NETWORKS.items():
        workload = f"linksim.nets.workloads:{kind.replace('-', '_')}" if kind in IN_BATCHES else None
        add(Component("model", kind, None, factory, f"trained {kind}", workload=workload))
