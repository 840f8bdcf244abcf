"""A policy's learning curve: how it stood at each SNR as it learnt, and the table that keeps it. One row per evaluation and SNR."""

import csv
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from linksim.errors import LinksimError


@dataclass(frozen=True)
class PolicyEvaluation:
    """How a policy stands at one SNR. Means over random starts, and over the rounds from there where nothing else is said.

    step       of training
    snr_db     which does not change
    reward     Eq. (31)
    ssim       structural similarity
    adv, err   Eq. (27) and (29): roots of shares
    regret     in the last round: reward of the best steps less the reward had
    t_d        steps in force in the last round; t_plus likewise
    saturated  share of the actions that lie where tanh is flat, 0..1
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
    """As CSV, whole or not at all."""
    fresh = path.with_suffix(".csv.part")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((row.step, *(f"{value:.6g}" for value in astuple(row)[1:])) for row in curve)
    os.replace(fresh, path)


def read_curve(path: Path) -> tuple[PolicyEvaluation, ...]:
    """Raises LinksimError, naming file and line, for what was not written here."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        try:
            if tuple(next(reader, ())) != COLUMNS:
                raise ValueError(f"columns must be {','.join(COLUMNS)}")
            return tuple(PolicyEvaluation(int(step), *map(float, rest)) for step, *rest in reader)
        except (ValueError, TypeError, csv.Error) as fault:
            raise LinksimError(f"{path}:{reader.line_num}: damaged ({fault}); delete it and train again") from fault
