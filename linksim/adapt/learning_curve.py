"""The learning curve of a policy as a CSV table: one row per evaluation and SNR.

The training of a policy writes the table beside its checkpoints, `plots.learning_curve` draws it, and `linksim papers diffusec` derives
the verdicts on DiffuSeC's convergence from it.
"""

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from linksim.errors import LinksimError
from linksim.files import atomic_write


@dataclass(frozen=True)
class PolicyEvaluation:
    """The performance of a policy at one SNR. Values are means over random initial steps and, unless noted, over the rounds.

    step       training step at which the policy is evaluated
    snr_db     SNR in dB, constant over the rounds
    reward     Eq. (31), at most 0
    ssim       structural similarity, -1..1
    adv, err   Eq. (27) and (29), the square roots of the shares
    regret     highest reward of any steps minus the reward of the policy, in the last round
    t_d        diffusion steps in the last round
    t_plus     additional denoising steps in the last round
    saturated  share of the actions in the flat part of tanh, 0..1
    """

    step: int
    snr_db: float
    reward: float
    ssim: float
    adv: float
    err: float
    regret: float
    t_d: float
    t_plus: float
    saturated: float


COLUMNS = tuple(field.name for field in fields(PolicyEvaluation))


def write_curve(curve: Sequence[PolicyEvaluation], path: Path) -> None:
    """Write the curve as CSV with six significant digits. An existing file is replaced only once the new one is complete.

    curve  evaluations in the order of training steps
    path   file of the table
    """
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((row.step, *(f"{value:.6g}" for value in astuple(row)[1:])) for row in curve)


def read_curve(path: Path) -> tuple[PolicyEvaluation, ...]:
    """Read a curve that `write_curve` wrote. Raises LinksimError with file and line if the content is not valid.

    >>> from tempfile import TemporaryDirectory
    >>> row = PolicyEvaluation(100, 3.0, -0.25, 0.9, 0.1, 0.2, 0.05, t_d=12.0, t_plus=4.0, saturated=0.0)
    >>> with TemporaryDirectory() as folder:
    ...     write_curve([row], Path(folder) / "curve.csv")
    ...     read_curve(Path(folder) / "curve.csv") == (row,)
    True
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        try:
            if tuple(next(reader, ())) != COLUMNS:
                raise ValueError(f"columns must be {','.join(COLUMNS)}")
            return tuple(PolicyEvaluation(int(step), *map(float, rest)) for step, *rest in reader)
        except (ValueError, TypeError, csv.Error) as error:
            raise LinksimError(f"{path}:{reader.line_num}: damaged ({error}); delete it and train again") from error
