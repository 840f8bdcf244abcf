"""The summary of a run per group of links, without matplotlib: quality at Bob and Eve, lost frames, control overhead, jamming."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linksim.enums import Outcome
from linksim.plots.paired_comparison import paired_comparison
from linksim.plots.policy_groups import policy_groups_of
from linksim.plots.rewards import RewardWindows, grouped_sums, mean_parameters, mean_reward, measured, reward_windows
from linksim.plots.tables import FrameRows, ScoreRows
from linksim.plots.trace_view import GroupView, ReceiverView, TraceView, read_view
from linksim.rng import Streams
from linksim.statistics import Interval, bootstrap_weights, mean_interval, wilson
from linksim.trace.reader import open_trace


@dataclass(frozen=True)
class ReceiverSummary:
    """Quality of one receiver's reconstructions.

    images               number of images that were received
    psnr_db              mean PSNR of the images, in dB; n = 0 for a receiver that reconstructs no images, also of the next two
    psnr_of_mean_mse_db  PSNR of the mean squared error over all images, in dB; at most the mean PSNR
    ssim                 mean SSIM of the images
    accuracy             fraction of classified reconstructions with the correct class, 0..1; n = 0 if none was classified

    The intervals treat images as independent. Images of one frame share its channel, so with fading or jamming the true intervals are
    wider.
    """

    images: int
    psnr_db: Interval
    psnr_of_mean_mse_db: float
    ssim: Interval
    accuracy: Interval


@dataclass(frozen=True)
class AdaptationSummary:
    """Result of Bob's choice of the negotiated parameters.

    rounds           number of probe rounds in which he chose
    parameters       mean of each parameter over the frames that were sent, by name; NaN without frames
    reward           mean reward over windows of time (see `plots.rewards`); NaN without an attack on the source
    robust_accuracy  fraction of attacked images whose reconstruction has the correct class, 0..1; n = 0 without attacked images
    """

    rounds: int
    parameters: Mapping[str, float]
    reward: Interval
    robust_accuracy: Interval


@dataclass(frozen=True)
class GroupSummary:
    """Summary of one group of links.

    bob, eve       quality of their reconstructions; None without reconstructions
    decoded, lost  number of data frames of which Bob has all images, and number of all others
    control_share  fraction of the channel uses that belong to control messages, 0..1; NaN if nothing was sent
    jam_share      fraction of the time of its links, each from 0 to its last frame or message, during which a jammer was on, 0..1
    adaptation     None if Bob does not choose parameters
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


def summary_of(path: Path) -> str:
    """Return the summary of a trace as text: the table of `summary_text` and the paired comparison of policies. Raises TraceError."""
    with open_trace(path) as trace:
        view = read_view(trace, policy_groups=policy_groups_of(trace.scenario_yaml))
    return "\n".join([summary_text(summarise(view)), *paired_comparison(view)])


def summarise(view: TraceView) -> list[GroupSummary]:
    """Return the summary of each group, in the order of the scenario."""
    windows = reward_windows(view)
    return [_group(group, windows) for group in view.groups]


def _group(group: GroupView, windows: RewardWindows) -> GroupSummary:
    frames = group.frames
    decoded, all_frames = count_frames(frames.take(frames.outcome == Outcome.DECODED)), count_frames(frames)
    data = int(group.frames.channel_uses[group.frames.outcome != Outcome.NOT_SENT].sum(dtype=np.int64))
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
        _adaptation(group, windows) if len(group.decisions) else None,
    )


def _adaptation(group: GroupView, windows: RewardWindows) -> AdaptationSummary:
    found = grouped_sums(group, windows)
    weights = bootstrap_weights(len(found.images), Streams(0)("plots/summary"))
    attacked = group.bob.scores.take(group.bob.scores.attacked())
    return AdaptationSummary(len(group.decisions), mean_parameters(group), measured(mean_reward, found, weights), accuracy(attacked))


def count_frames(frames: FrameRows) -> int:
    """Return the number of data frames; retransmissions do not count."""
    return len(np.unique(np.stack([frames.link.astype(np.int64), frames.frame]), axis=1).T)


def _receiver(receiver: ReceiverView) -> ReceiverSummary | None:
    scores = receiver.scores
    if not len(scores):
        return None
    mean_mse = mean_interval(scores.mse).value
    return ReceiverSummary(
        images=len(scores),
        psnr_db=mean_interval(scores.psnr_db),
        psnr_of_mean_mse_db=math.nan if math.isnan(mean_mse) else -10 * math.log10(max(mean_mse, 1e-10)),
        ssim=mean_interval(scores.ssim),
        accuracy=accuracy(scores),
    )


def accuracy(scores: ScoreRows) -> Interval:
    """Return the fraction of classified reconstructions with the correct class, with Wilson's interval."""
    classified = scores.classified()
    return wilson(int((scores.class_received == scores.label)[classified].sum()), int(classified.sum()))


def jam_share(group: GroupView) -> float:
    """Return the jammed fraction of the time of all links, each from 0 to the end of its last frame or message; NaN if nothing was sent."""
    ends_ns = np.zeros(len(group.links), np.int64)
    for rows in (group.frames, group.control):
        np.maximum.at(ends_ns, np.searchsorted(group.links, rows.link), rows.time_ns + rows.airtime_ns)
    last = ends_ns[np.searchsorted(group.links, group.jamming.link)]
    on_ns = np.maximum(np.minimum(group.jamming.end_ns, last) - group.jamming.time_ns, 0).sum(dtype=np.int64)
    total_ns = int(ends_ns.sum())
    return int(on_ns) / total_ns if total_ns else math.nan


def number(value: float, digits: int, plus_minus: float = math.nan) -> str:
    """Format a number, with its interval if it is known, and "-" for NaN.

    >>> number(29.311, 2, 0.12), number(29.311, 2), number(math.nan, 2)
    ('29.31 ± 0.12', '29.31', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.{digits}f}" + ("" if math.isnan(plus_minus) else f" ± {plus_minus:.{digits}f}")


def mean_text(mean: Interval, digits: int) -> str:
    """Format a mean with half the width of its interval."""
    return number(mean.value, digits, (mean.high - mean.low) / 2)


def percent(share: float) -> str:
    """Format a fraction in percent, and "-" for NaN.

    >>> percent(0.1234), percent(math.nan)
    ('12.3 %', '-')
    """
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def share_text(share: Interval) -> str:
    """Format a proportion with its interval, and "-" if it has no samples.

    >>> share_text(Interval(0.912, 0.899, 0.923, 1000))
    '91.2 % [89.9, 92.3]'
    """
    return f"{percent(share.value)} [{100 * share.low:.1f}, {100 * share.high:.1f}]" if share.n else "-"


HEADINGS = ("group", "links", "receiver", "images", "PSNR dB", "SSIM", "accuracy", "frames ok/lost", "control", "jammed")


def table_rows(summary: GroupSummary) -> list[tuple[str, ...]]:
    """Return a row of text per receiver for the columns `HEADINGS`. The first row has the values of the group; Bob always has a row."""
    rows: list[tuple[str, ...]] = []
    for name, receiver in (("Bob", summary.bob), ("Eve", summary.eve)):
        if receiver is not None:
            measured = (
                f"{receiver.images:,}",
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
    """Return a table of fixed width for a terminal, with a row per group and receiver and with 95 % intervals."""
    rows = [HEADINGS, *(row for summary in summaries for row in table_rows(summary))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    words = {0, 2}  # columns of text are left-aligned, numbers right-aligned
    ruled = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    filled = ((c.ljust(w) if i in words else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))) for row in ruled)
    table = ["  ".join(row).rstrip() for row in filled]
    return "\n".join([*table, *adaptation_lines(summaries)])


def adaptation_lines(summaries: Sequence[GroupSummary]) -> list[str]:
    """Return a line for each group in which Bob chooses the negotiated parameters."""
    lines = []
    for name, found in ((summary.name, summary.adaptation) for summary in summaries):
        if found is not None:
            means = "".join(f", mean {parameter} {number(value, 1)}" for parameter, value in found.parameters.items())
            reward = "" if math.isnan(found.reward.value) else f", mean reward {mean_text(found.reward, 3)}"
            robust = f", robust accuracy {share_text(found.robust_accuracy)}" if found.robust_accuracy.n else ""
            lines.append(f"{name}: {found.rounds:,} rounds{means}{reward}{robust}")
    return lines
