"""Publication of a model: its file and its card replace those of the former model together, once both are complete and valid.

    write weights or table --> measure or read scores --> all finite? --> card --> read the card back --> replace NAME.*, NAME.yaml

Until the replacement, both files are in private folders beside their targets (`linksim.files`). Whatever goes wrong before leaves the
former model as it is. SIGINT, SIGTERM and SIGHUP wait until both files are replaced. A kill between the two leaves a card that does not
describe the file, which loading the model reports.
"""

import math
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from linksim.errors import ModelError
from linksim.files import atomic_write
from linksim.interrupts import deferred
from linksim.nets.cards import Card, ModelCost, Score, read_card, write_card
from linksim.nets.weights import clear_model_cache, sha256_of
from linksim.training.card_blocks import training_data
from linksim.training.task import Recipe


def publish(
    task: Recipe,
    file: Path,
    write: Callable[[Path], tuple[Score, ...]],
    dtype: str,
    cost: ModelCost,
    seconds: float,
    device: torch.device,
) -> Card:
    """Replace a model by a new one, and clear the model cache. Tuned settings are kept if the file is unchanged.

    task     recipe of the model
    file     weights or table; its stem is the name of the model, and its folder is created if necessary
    write    writes the weights or the table to a path and returns the scores
    dtype    number format of the stored weights
    cost     cost of the model, for the card
    seconds  duration of training or measurement in seconds
    device   device that was used

    Returns the card as it is read from the file. Raises ModelError, and leaves the former model, if a score is not finite or if the files
    cannot be written.
    """
    path = file.with_suffix(".yaml")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with deferred(), atomic_write(path) as staged_card, atomic_write(file) as staged:
            scores = write(staged)
            _refuse_non_finite(scores, file)
            card = Card(
                name=file.stem,
                kind=task.kind,
                config=task.config,
                training={"seed": task.seed, "steps": task.steps} | task.recipe,
                data=training_data(task),
                wall_s=round(seconds, 1),
                device=describe_device(device),
                versions={"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__},
                dtype=dtype,
                sha256=sha256_of(staged),
                cost=cost,
                scores=scores,
                runtime={},
            )
            write_card(_tuned(card, path), staged_card)
            read_card(staged_card)
    except OSError as fault:
        raise ModelError(f"{file} cannot be written: {fault.strerror or fault}") from fault
    clear_model_cache()
    return read_card(path)


def _refuse_non_finite(scores: tuple[Score, ...], file: Path) -> None:
    """Raise ModelError if a score is NaN or infinite."""
    for score in scores:
        if not math.isfinite(score.value):
            found = f"its score {score.metric} ({score.condition}) is {score.value}"
            raise ModelError(f"{file.stem}: {found}; the model in {file.parent} stays as it is")


def _tuned(card: Card, path: Path) -> Card:
    """The card with the settings of the former card, if that describes the same file, to which they still apply."""
    try:
        former = read_card(path)
    except ModelError:  # there is none, or it is damaged and of no use
        return card
    return replace(card, runtime=former.runtime) if former.sha256 == card.sha256 else card


def describe_device(device: torch.device) -> str:
    """Return a description of the device for the card, because the last bits of the results depend on it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"cpu, {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {threads} thread{'s' * (threads > 1)}"
