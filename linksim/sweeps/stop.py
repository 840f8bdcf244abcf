"""The stop rule of a study: a cell is replicated until its interval is narrow enough, or until it has enough images.

    results of n replications --> `planned` --> n: enough;  m > n: run up to m, and ask again

An interval is looked at few times, because each look is a chance to stop at an interval that is narrow by accident: the number of
replications at the next look is the one that the present interval predicts, and at most twice the present one.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from linksim.errors import LinksimError
from linksim.registry import suggest
from linksim.scenario.base import Options
from linksim.statistics import Interval, student_interval
from linksim.sweeps.journal import Row

LEAST = 3  # replications before the first look at an interval


class StopRule(Options):
    """When a cell has enough replications: with `width` or with `images`, whichever is first."""

    metric: str = Field("psnr_db", description="column of the table, whose 95 % interval over the replications of a cell is looked at")
    receiver: Literal["bob", "eve", "both"] = Field("bob", description="receiver whose results count")
    width: float | None = Field(None, gt=0, description="a cell is finished when the interval is at most that wide in every group")
    images: int | None = Field(None, ge=1, description="a cell is finished when the receiver has that many images in every group")
    most: int = Field(100, ge=LEAST, le=100_000, description="largest number of replications of a cell")

    @model_validator(mode="after")
    def _stops(self) -> "StopRule":
        if self.width is None and self.images is None:
            raise ValueError("got neither width nor images, allowed: at least one of them")
        return self

    def planned(self, runs: Sequence[Sequence[Row]]) -> int:
        """Return how many replications a cell is to have, given the rows of those that are finished; their number if they are enough.

        Raises LinksimError if no run has the metric.
        """
        count = len(runs)
        if count >= self.most or not all(runs):  # a replication that failed ends its cell
            return count
        receivers = ("bob", "eve") if self.receiver == "both" else (self.receiver,)
        series: dict[tuple[str, str], list[Row]] = {}
        for row in (row for rows in runs for row in rows if row["receiver"] in receivers):
            series.setdefault((row["group"], row["receiver"]), []).append(row)
        asked = [ask for ask in (self._for_width(count, series), self._for_images(count, series)) if ask is not None]
        return min(self.most, max(count, min(asked, default=self.most)))

    def _for_images(self, count: int, series: dict[tuple[str, str], list[Row]]) -> int | None:
        """The number of replications with enough images; None without such a condition, or without any image."""
        fewest = min((sum(row["images"] for row in rows) for rows in series.values()), default=0)
        if self.images is None or not fewest:
            return None
        return count if fewest >= self.images else max(count + 1, math.ceil(count * self.images / fewest))

    def _for_width(self, count: int, series: dict[tuple[str, str], list[Row]]) -> int | None:
        """The number of replications at which to look at the intervals again; None without such a condition."""
        if self.width is None:
            return None
        if count < LEAST:
            return LEAST
        found = [interval for rows in series.values() if (interval := interval_of(rows, self.metric)).n > 1]
        if not found:
            rows = [row for own in series.values() for row in own]
            names = sorted({name for row in rows for name, value in row.items() if isinstance(value, float)})
            raise LinksimError(f"stop.metric: no value {self.metric!r} of {self.receiver} in several runs; {suggest(self.metric, names)}")
        widest = max(interval.high - interval.low for interval in found)
        if widest <= self.width:
            return count
        return min(2 * count, max(count + 1, math.ceil(count * (widest / self.width) ** 2)))


def interval_of(rows: Sequence[Row], metric: str) -> Interval:
    """Return the mean of a metric over runs, with its interval over them; runs without a value are left out."""
    return student_interval(np.array([row[metric] for row in rows if row.get(metric) is not None], np.float64))
