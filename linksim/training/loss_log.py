"""The losses of a training, as a CSV file and in TensorBoard where that is installed.

    results/training/NAME.losses.csv     step, mean loss since the previous row, training time in seconds
    results/training/tensorboard/NAME    the same as a scalar "loss"

A training that resumes from a checkpoint continues the file: rows after the step of the checkpoint are removed, because these steps are run
again.
"""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from linksim.errors import ModelError
from linksim.files import atomic_write
from linksim.training.loop import ProgressCallback, TrainingProgress

COLUMNS = ("step", "loss", "seconds")


@contextmanager
def logging_losses(path: Path, step: int, report: ProgressCallback) -> Iterator[ProgressCallback]:
    """Yield a callback that writes each loss before it passes the progress on.

    path    CSV file; the folder of TensorBoard is beside it
    step    completed steps, 0 for a training that begins
    report  callback that receives the progress

    Raises ModelError if the file cannot be written.
    """
    kept = [row for row in _rows(path) if int(row[0]) <= step] if step else []
    with _translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as staged:
            staged.write_text(_text([list(COLUMNS), *kept]), encoding="utf-8")
    show, close = _tensorboard(path, step)

    def log(progress: TrainingProgress) -> None:
        if progress.stage == "training":
            with _translated(path), path.open("a", encoding="utf-8", newline="") as file:
                file.write(_text([[progress.step, f"{progress.loss:.6g}", f"{progress.seconds:.1f}"]]))
            show(progress)
        report(progress)

    try:
        yield log
    finally:
        close()


def _rows(path: Path) -> list[list[str]]:
    """Complete rows of a file, without its head; [] if there is none or it is of another kind."""
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, csv.Error):
        return []
    return [row for row in lines[1:] if len(row) == len(COLUMNS) and row[0].isdecimal()] if lines[:1] == [list(COLUMNS)] else []


def _text(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise ModelError(f"{path} cannot be written: {fault.strerror or fault}") from fault


def _tensorboard(path: Path, step: int) -> tuple[Callable[[TrainingProgress], None], Callable[[], None]]:
    """A function that shows a loss in TensorBoard, and one that ends it. Both do nothing where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return lambda progress: None, lambda: None
    folder = path.parent / "tensorboard" / path.name.removesuffix(".losses.csv")
    writer = SummaryWriter(str(folder), purge_step=step or None)

    def show(progress: TrainingProgress) -> None:
        writer.add_scalar("loss", progress.loss, progress.step)

    return show, writer.close
