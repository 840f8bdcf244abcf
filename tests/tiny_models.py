"""Model files for tests: small networks with random weights and cards."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from linksim.nets.cards import NO_NETWORK, Card, write_card
from linksim.nets.layers import draw_weights
from linksim.nets.weights import build, sha256_of
from linksim.training.card_blocks import cost_of

VIT: dict[str, object] = {"layout": "vit", "width": 16, "heads": 2, "layers": 1, "reals": 8}
UNET: dict[str, object] = {"widths": [8, 8, 8], "embedding": 8}
CLASSIFIER: dict[str, object] = {"widths": [24, 24, 24]}


def write_model(folder: Path, name: str, kind: str, config: dict[str, Any], seed: int = 1, dataset: str = "samples") -> None:
    """Write random weights of a model and its card to `folder`. The card names `dataset` as that of the training."""
    network = build(kind, config)
    draw_weights(network, torch.Generator().manual_seed(seed))
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, folder / f"{name}.safetensors")
    digest = sha256_of(folder / f"{name}.safetensors")
    card, training = bare_card(name, kind, digest), {"seed": seed, "steps": 1, "dataset": dataset}
    write_card(replace(card, config=config, training=training, cost=cost_of(network, kind)), folder / f"{name}.yaml")


def bare_card(name: str, kind: str, digest: str) -> Card:
    """Return a card that describes a file by its digest and states nothing else."""
    return Card(
        name=name,
        kind=kind,
        config={},
        training={},
        data=(),
        wall_s=1.0,
        device="cpu",
        versions={"torch": "2"},
        dtype="float32",
        sha256=digest,
        cost=NO_NETWORK,
        scores=(),
        runtime={},
    )


def write_diffusec_models(folder: Path) -> None:
    """Write the models that the scheme diffusec and its evaluator need."""
    write_model(folder, "diffusec-codec", "codec", VIT)
    write_model(folder, "diffusec-denoiser", "denoiser", UNET)
    write_model(folder, "classifier-cifar10", "classifier", CLASSIFIER)


def use_models(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Search for models in `folder` only, without the shipped ones."""
    monkeypatch.setenv("LINKSIM_MODELS", str(folder))
    monkeypatch.setattr("linksim.places.shipped_models", lambda: folder)
