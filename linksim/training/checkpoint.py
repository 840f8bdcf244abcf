"""Checkpoints: all that training goes on from, in one safetensors file. A new one is written whole before it takes the old one's place."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from linksim.errors import ModelError


@dataclass(frozen=True)
class Checkpoint:
    """Where training stands.

    recipe   text that changes when the recipe does
    step     steps done
    seconds  that they took
    tensors  by name, "group/name"
    """

    recipe: str
    step: int
    seconds: float
    tensors: Mapping[str, Tensor]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, by the rest of their names."""
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def write_checkpoint(kept: Checkpoint, path: Path) -> None:
    """A kill at any moment leaves a whole checkpoint: this one, or the one before it."""
    about = {"step": kept.step, "seconds": kept.seconds, "recipe": kept.recipe}
    whole = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in kept.tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".part")
    save_file(whole, fresh, metadata={"description": json.dumps(about)})
    os.replace(fresh, path)


def read_checkpoint(path: Path, recipe: str) -> Checkpoint:
    """Raises ModelError for one that another recipe made, or a damaged one."""
    try:
        with safe_open(path, "pt") as stored:
            about = json.loads(stored.metadata()["description"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a dict
        kept = Checkpoint(about["recipe"], int(about["step"]), float(about["seconds"]), tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as fault:
        raise ModelError(f"{path}: not a checkpoint ({fault}); delete it to train from the start") from fault
    if kept.recipe != recipe:
        raise ModelError(f"{path}: made by another recipe than today's; delete it to train from the start")
    return kept


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers, by "place of the weight/key"."""
    state = optimiser.state_dict()["state"]
    return {f"{place}/{key}": torch.as_tensor(v) for place, kept in state.items() for key, v in kept.items() if v is not None}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """What stands beside a weight takes the weight's memory layout: fused optimisers pair elements by their place in memory."""
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        place, key = name.split("/")
        weight = weights[int(place)]
        state.setdefault(int(place), {})[key] = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
