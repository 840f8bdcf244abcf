"""Trained models so small that a test can write and run them: random weights with cards, in a folder of their own."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from linksim.nets.cards import Card, write_card
from linksim.nets.layers import draw_weights
from linksim.nets.weights import build, sha256_of

VIT: dict[str, object] = {"layout": "vit", "width": 16, "heads": 2, "layers": 1, "reals": 8}
UNET: dict[str, object] = {"widths": [8, 8, 8], "told": 8}
CLASSIFIER: dict[str, object] = {"widths": [24, 24, 24]}


def write_model(folder: Path, name: str, kind: str, config: dict[str, Any], seed: int = 1) -> None:
    """Random weights of a part, and its card, in `folder`."""
    network = build(kind, config)
    draw_weights(network, torch.Generator().manual_seed(seed))
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, folder / f"{name}.safetensors")
    digest = sha256_of(folder / f"{name}.safetensors")
    write_card(
        Card(name, kind, config, {"seed": seed, "steps": 1}, 1.0, "cpu", {"torch": "2"}, "float32", digest, (), {}), folder / f"{name}.yaml"
    )


def write_diffusec_models(folder: Path) -> None:
    """What scheme diffusec and its evaluator need."""
    write_model(folder, "diffusec-codec", "codec", VIT)
    write_model(folder, "diffusec-denoiser", "denoiser", UNET)
    write_model(folder, "classifier-cifar10", "classifier", CLASSIFIER)
