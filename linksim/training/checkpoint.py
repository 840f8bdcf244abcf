"""Checkpoints: the complete state of a training run in one safetensors file, which is replaced atomically.

The trainers decide what belongs to their state (`training.loop`, `training.ddpg_trainer`). The format has no pickle, so that a checkpoint
from elsewhere cannot execute code.

    header    JSON: name, shape and type of every tensor, and as metadata the state, with the SHA-256 of the file in it
    values    bytes of the tensors

The SHA-256 is that of the file with `NO_DIGEST` in its own place, so that it covers the header too.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save, save_file
from torch import Tensor

from linksim.errors import ModelError
from linksim.files import atomic_write
from linksim.nets.tensor_checks import check_finite

NO_DIGEST = b"-" * 64


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run.

    recipe   fingerprint of the training recipe, see `loop.fingerprint`
    step     completed steps
    seconds  wall-clock training time in seconds, over all runs
    tensors  tensors by name, "group/name", on the CPU after reading
    """

    recipe: str
    step: int
    seconds: float
    tensors: Mapping[str, Tensor]

    def with_prefix(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with `prefix`, by the rest of their names.

        >>> sorted(Checkpoint("", 0, 0.0, {"best/weight": torch.zeros(1), "best_regret": torch.zeros(1)}).with_prefix("best/"))
        ['weight']
        """
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint atomically: an interruption leaves either this checkpoint or the previous one.

    checkpoint  the state
    path        file to write; its folder is created if necessary

    Raises ModelError if the file cannot be written.
    """
    # One key of metadata, because safetensors writes several in random order.
    state = {"step": checkpoint.step, "seconds": checkpoint.seconds, "recipe": checkpoint.recipe, "sha256": NO_DIGEST.decode()}
    tensors = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in checkpoint.tensors.items()}
    raw = save(tensors, {"state": json.dumps(state)})
    digest = hashlib.sha256(raw).hexdigest().encode()
    _replace(path, lambda temporary: temporary.write_bytes(raw.replace(NO_DIGEST, digest, 1)))


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors by name to a safetensors file, which is replaced when the new one is complete. Its folder is created if necessary.

    Raises ModelError if the file cannot be written, for example because the disk is full.
    """
    _replace(path, lambda temporary: save_file(tensors, temporary))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Replace a file by what `write` writes to another path. Raises ModelError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            write(temporary)
    except (SafetensorError, OSError) as fault:
        raise ModelError(f"{path} cannot be written: {getattr(fault, 'strerror', None) or fault}") from fault


def read_checkpoint(path: Path, recipe: str) -> Checkpoint:
    """Read a checkpoint.

    path    file that `write_checkpoint` has written
    recipe  fingerprint that the checkpoint must have

    Raises ModelError if the file cannot be read, is damaged, or belongs to another recipe.
    """
    try:
        raw = path.read_bytes()
        metadata = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
        state = json.loads(metadata["state"])
        digest = str(state["sha256"])
        if hashlib.sha256(raw.replace(digest.encode(), NO_DIGEST, 1)).hexdigest() != digest:
            raise ValueError("its SHA-256 is not the one that it states, so it is damaged")
        checkpoint = Checkpoint(state["recipe"], int(state["step"]), float(state["seconds"]), load(raw))
    except (SafetensorError, OSError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as fault:
        raise ModelError(f"{path}: not a checkpoint ({fault}); delete it to train from the start") from fault
    if checkpoint.recipe != recipe:
        raise ModelError(f"{path}: belongs to another recipe than the current one; delete it to train from the start")
    return checkpoint


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Convert an error of its body, which takes over the tensors of the checkpoint `path`, to a ModelError.

    The tensors of an undamaged checkpoint do not fit if the networks of the task have changed since.
    """
    try:
        yield
    except (ModelError, LookupError, ValueError, RuntimeError) as fault:
        raise ModelError(f"{path}: does not fit the training task ({fault}); delete it to train from the start") from fault


def refuse_divergence(tensors: Mapping[str, Tensor]) -> None:
    """Raise ModelError if a trained weight is NaN or infinite: neither a checkpoint nor a model is replaced by such weights."""
    try:
        check_finite(tensors)
    except ModelError as fault:
        raise ModelError(f"the training has diverged: {fault}; the last checkpoint and the model stay as they are") from fault


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state of an optimiser as tensors named "index of the weight/key", such as "3/exp_avg".

    The index counts the weights of all parameter groups. Learning rates are not part of the state, because a task computes them from the
    step.
    """
    state = optimiser.state_dict()["state"]
    return {f"{index}/{key}": torch.as_tensor(v) for index, values in state.items() for key, v in values.items() if v is not None}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the state of an optimiser from `optimiser_tensors`; its weights must be those of the optimiser that was stored.

    State with the shape of a weight takes the memory layout of the weight, because fused optimisers match elements by memory position.
    """
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/")
        weight = weights[int(index)]
        state.setdefault(int(index), {})[key] = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
