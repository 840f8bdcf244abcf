"""The numbers of a run, per group of links: what Bob and Eve got, what was lost, what control and jamming took. No matplotlib here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linksim.plots.intervals import Interval, mean_interval, resamples, wilson
from linksim.plots.rewards import Grid, grid, mean_reward, mean_steps, measured, tally
from linksim.plots.tables import DECODED, NOT_SENT, Frames, ImageScore
from linksim.plots.trace_view import GroupView, Receiver, View
from linksim.rng import Streams


@dataclass(frozen=True)
class ReceiverSummary:
    """How good one receiver's estimates are.

    psnr_db               mean over images of each image's PSNR, in dB
    psnr_of_mean_mse_db   PSNR of the mean squared error over all images, in dB: the smaller of the two
    ssim                  mean over images
    accuracy              share of estimates in which the evaluation classifier sees the right class, 0..1; n = 0 where none judged

    Intervals take images as independent. Images of one frame share its channel, so under fading or jamming the true ones are wider.
    """

    psnr_db: Interval
    psnr_of_mean_mse_db: float
    ssim: Interval
    accuracy: Interval


@dataclass(frozen=True)
class AdaptationSummary:
    """What Bob's choice of diffusion steps came to.

    rounds           of probing in which he chose
    t_d, t_plus      means over the frames that were sent; NaN where none was
    reward           mean over windows of time, see `plots.rewards`; NaN where no source was attacked
    robust_accuracy  share of attacked images in whose estimate the evaluation classifier sees the right class, 0..1; n = 0 where none was
    """

    rounds: int
    t_d: float
    t_plus: float
    reward: Interval
    robust_accuracy: Interval


@dataclass(frozen=True)
class GroupSummary:
    """One group of links.

    bob, eve        their estimates; None where there are none
    decoded, lost   data frames of which Bob has all images, and those of which he has not (no terms, other terms, damaged) or that
                    were never sent
    control_share   channel uses of control messages over all channel uses, 0..1; NaN where nothing was sent
    jam_share       share of its links' time, from 0 to the last frame or message of each, during which a jammer was on, 0..1
    adaptation      None where Bob did not choose
    """

    name: str
    links: int
    bob: ReceiverSummary | None
    eve: ReceiverSummary | None
    decoded: int
    lost: int
    control_share: float
    jam_share: float
    adaptation: AdaptationSummary | None


def summarise(view: View) -> list[GroupSummary]:
    """The summary of each group, in the scenario's order."""
    cut = grid(view)
    return [_group(group, cut) for group in view.groups]


def _group(group: GroupView, cut: Grid) -> GroupSummary:
    frames = group.frames
    decoded, all_frames = count_frames(frames.take(frames.outcome == DECODED)), count_frames(frames)
    data = int(group.frames.channel_uses[group.frames.outcome != NOT_SENT].sum(dtype=np.int64))
    control = int(group.control.channel_uses.sum(dtype=np.int64))
    return GroupSummary(
        group.name,
        len(group.links),
        _receiver(group.bob),
        _receiver(group.eve),
        decoded,
        all_frames - decoded,
        control / (control + data) if control + data else math.nan,
        jam_share(group),
        _adaptation(group, cut) if len(group.adaptation) else None,
    )


def _adaptation(group: GroupView, cut: Grid) -> AdaptationSummary:
    found = tally(group, cut)
    weights = resamples(len(found.images), Streams(0)("plots/summary"))
    attacked = group.bob.quality.take(group.bob.quality.attacked())
    return AdaptationSummary(len(group.adaptation), *mean_steps(group), measured(mean_reward, found, weights), accuracy(attacked))


def count_frames(frames: Frames) -> int:
    """Data frames, each once however often it was sent."""
    return len(np.unique(np.stack([frames.link.astype(np.int64), frames.frame]), axis=1).T)


def _receiver(receiver: Receiver) -> ReceiverSummary | None:
    quality = receiver.quality
    if not len(quality):
        return None
    mean_mse = float(quality.mse.astype(np.float64).mean())
    return ReceiverSummary(
        mean_interval(quality.psnr_db), -10 * math.log10(max(mean_mse, 1e-10)), mean_interval(quality.ssim), accuracy(quality)
    )


def accuracy(quality: ImageScore) -> Interval:
    """Share of the judged estimates whose class is right, with Wilson's interval."""
    judged = quality.judged()
    return wilson(int((quality.class_received == quality.label)[judged].sum()), int(judged.sum()))


def jam_share(group: GroupView) -> float:
    """Jammed time over the time of all links, each from 0 to the end of its last frame or message, 0..1; NaN where nothing was sent."""
    ends_ns = np.zeros(len(group.links), np.int64)
    for rows in (group.frames, group.control):
        np.maximum.at(ends_ns, np.searchsorted(group.links, rows.link), rows.time_ns + rows.airtime_ns)
    last = ends_ns[np.searchsorted(group.links, group.jamming.link)]
    on_ns = np.maximum(np.minimum(group.jamming.end_ns, last) - group.jamming.time_ns, 0).sum(dtype=np.int64)
    total_ns = int(ends_ns.sum())
    return int(on_ns) / total_ns if total_ns else math.nan


def number(value: float, digits: int, plus_minus: float = math.nan) -> str:
    """ "29.31 ± 0.12", "29.31" where no interval is known, "-" for no number."""
    if math.isnan(value):
        return "-"
    return f"{value:.{digits}f}" + ("" if math.isnan(plus_minus) else f" ± {plus_minus:.{digits}f}")


def mean_text(mean: Interval, digits: int) -> str:
    """A mean with half its interval."""
    return number(mean.value, digits, mean.high - mean.value)


def percent(share: float) -> str:
    """ "12.3 %", "-" for no number."""
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def share_text(share: Interval) -> str:
    """ "91.2 % [89.9, 92.3]", "-" where nothing was counted."""
    return f"{percent(share.value)} [{100 * share.low:.1f}, {100 * share.high:.1f}]" if share.n else "-"


HEADINGS = ("group", "links", "receiver", "images", "PSNR dB", "SSIM", "accuracy", "frames ok/lost", "control", "jammed_fraction")


def cells(summary: GroupSummary) -> list[tuple[str, ...]]:
    """One row of text per receiver, under `HEADINGS`; what belongs to the group stands in the first. Bob has a row in any case."""
    rows: list[tuple[str, ...]] = []
    for name, receiver in (("Bob", summary.bob), ("Eve", summary.eve)):
        if receiver is not None:
            measured = (
                f"{receiver.psnr_db.n:,}",
                mean_text(receiver.psnr_db, 2),
                mean_text(receiver.ssim, 3),
                share_text(receiver.accuracy),
            )
        elif name == "Bob":
            measured = ("0", "-", "-", "-")
        else:
            continue
        first = not rows
        frames = f"{summary.decoded:,} / {summary.lost:,}"
        head = (summary.name, f"{summary.links:,}") if first else ("", "")
        tail = (frames, percent(summary.control_share), percent(summary.jam_share)) if first else ("", "", "")
        rows.append((*head, name, *measured, *tail))
    return rows


def summary_text(summaries: list[GroupSummary]) -> str:
    """A table of fixed width for a terminal: a row per group and receiver. Means and shares stand with their 95 % intervals."""
    rows = [HEADINGS, *(row for summary in summaries for row in cells(summary))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    words = {0, 2}  # columns of words stand to the left, numbers to the right
    ruled = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    filled = ((c.ljust(w) if i in words else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))) for row in ruled)
    table = ["  ".join(row).rstrip() for row in filled]
    return "\n".join([*table, *adaptation_lines(summaries)])


def adaptation_lines(summaries: Sequence[GroupSummary]) -> list[str]:
    """A line for each group in which Bob chose diffusion steps."""
    lines = []
    for name, found in ((summary.name, summary.adaptation) for summary in summaries):
        if found is not None:
            steps = f"{found.rounds:,} rounds, mean t_D {number(found.t_d, 1)}, mean t_plus {number(found.t_plus, 1)}"
            reward = "" if math.isnan(found.reward.value) else f", mean reward {mean_text(found.reward, 3)}"
            robust = f", robust accuracy {share_text(found.robust_accuracy)}" if found.robust_accuracy.n else ""
            lines.append(f"{name}: {steps}{reward}{robust}")
    return lines
