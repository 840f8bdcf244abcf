"""Checkpoints: the complete state of a training run in one safetensors file, which is replaced atomically."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from linksim.errors import ModelError
from linksim.files import atomic_write


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run.

    recipe   fingerprint of the training recipe
    step     completed steps
    seconds  training time in seconds
    tensors  tensors by name, "group/name"
    """

    recipe: str
    step: int
    seconds: float
    tensors: Mapping[str, Tensor]

    def with_prefix(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with `prefix`, by the rest of their names."""
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint atomically: an interruption leaves either this checkpoint or the previous one."""
    state = {"step": checkpoint.step, "seconds": checkpoint.seconds, "recipe": checkpoint.recipe}
    tensors = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in checkpoint.tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(state)})


def read_checkpoint(path: Path, recipe: str) -> Checkpoint:
    """Read a checkpoint of the given recipe. Raises ModelError if it is damaged or belongs to another recipe."""
    try:
        with safe_open(path, "pt") as stored:
            state = json.loads(stored.metadata()["state"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a dict
        checkpoint = Checkpoint(state["recipe"], int(state["step"]), float(state["seconds"]), tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as fault:
        raise ModelError(f"{path}: not a checkpoint ({fault}); delete it to train from the start") from fault
    if checkpoint.recipe != recipe:
        raise ModelError(f"{path}: belongs to another recipe than the current one; delete it to train from the start")
    return checkpoint


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state of an optimiser as tensors named "index of the weight/key"."""
    state = optimiser.state_dict()["state"]
    return {f"{index}/{key}": torch.as_tensor(v) for index, values in state.items() for key, v in values.items() if v is not None}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the state of an optimiser from `optimiser_tensors`.

    State with the shape of a weight takes the memory layout of the weight, because fused optimisers match elements by memory position.
    """
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/")
        weight = weights[int(index)]
        state.setdefault(int(index), {})[key] = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
