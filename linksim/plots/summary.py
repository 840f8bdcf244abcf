"""The summary of a run per group of links, without matplotlib: quality at Bob and Eve, lost frames, control overhead, jamming.

`summarise` computes the numbers, `summary_text` sets them as a table for the terminal; `plots.report` sets the same numbers in HTML, and
`linksim.Run.summary` returns the text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linksim.enums import Outcome
from linksim.plots.decorrelation import block_lengths
from linksim.plots.image_roles import split_roles
from linksim.plots.notices import notices
from linksim.plots.number_text import count, interval_text, mean_text, number, percent, share_text
from linksim.plots.paired_comparison import paired_comparison
from linksim.plots.policy_groups import policy_groups_of
from linksim.plots.rewards import RewardWindows, grouped_sums, mean_parameters, mean_reward, measured, reward_windows
from linksim.plots.tables import Floats, Ints, ScoreRows, count_frames
from linksim.plots.trace_view import GroupView, ReceiverView, TraceView, read_view
from linksim.rng import Streams
from linksim.statistics import Interval, bootstrap_weights, cluster_mean, cluster_share, mean_interval
from linksim.trace.reader import open_trace


@dataclass(frozen=True)
class ReceiverSummary:
    """Quality of one receiver's reconstructions.

    images               number of images that were received
    distinct             number of different images of the dataset among them
    units                number of independent units that they form, over which the intervals are bootstrapped
    psnr_db              mean PSNR of the images, in dB; n = 0 for a receiver that reconstructs no images, also of the next three
    psnr_of_mean_mse_db  PSNR of the mean squared error over all images, in dB; at most the mean PSNR
    ssim                 mean SSIM of the images
    metrics              mean of each metric of the scenario, by name
    accuracy             fraction of classified reconstructions with the correct class, 0..1; n = 0 if none was classified

    Images of one frame share its gain and jamming, and neighbouring frames the channel; `statistics.independent_units` has the units.
    """

    images: int
    distinct: int
    units: int
    psnr_db: Interval
    psnr_of_mean_mse_db: float
    ssim: Interval
    metrics: Mapping[str, Interval]
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

    name           name of the group in the scenario
    links          number of links
    bob, eve       quality of their reconstructions; None without reconstructions
    decoded, lost  number of data frames of which Bob has all images, and number of all others
    control_share  fraction of the channel uses that belong to control messages, 0..1; NaN if nothing was sent
    jam_share      fraction of the time of its links, each from 0 to its last frame or message, during which a jammer was on, 0..1
    adaptation     result of Bob's choice of parameters; None if he does not choose
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


@dataclass(frozen=True)
class TraceSummary:
    """Summary of a trace.

    groups       summary of each group, in the order of the scenario
    comparisons  a line of text per paired comparison of policies
    notices      a line of text per reason to read the numbers with care, see `notices`
    complete     whether the run ended normally
    """

    groups: list[GroupSummary]
    comparisons: tuple[str, ...]
    notices: tuple[str, ...]
    complete: bool

    def text(self) -> str:
        """Return the table of `summary_text`, and a line per comparison and notice."""
        return "\n".join([summary_text(self.groups), *self.comparisons, *self.notices])


def read_summary(path: Path) -> TraceSummary:
    """Return the summary of a trace. Raises TraceError if the file is not a trace or is damaged."""
    with open_trace(path) as trace:
        text, complete = trace.scenario_yaml, trace.complete
        view = read_view(trace, policy_groups=policy_groups_of(text), complete=complete, block_lengths=block_lengths(text))
    return TraceSummary(summarise(view), tuple(paired_comparison(view)), notices(view), complete)


def summarise(view: TraceView) -> list[GroupSummary]:
    """Return the summary of each group, in the order of the scenario; of a covert group one per role of the images.

    Adaptive groups are compared over common windows of time, so the rewards of one view depend on the groups that it has.
    """
    windows, view = reward_windows(view), split_roles(view)
    return [_group(group, windows) for group in view.groups]


def _group(group: GroupView, windows: RewardWindows) -> GroupSummary:
    """Return the summary of one group."""
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
    """Return the summary of Bob's choices in a group; the interval of the reward is a bootstrap over units (`rewards.reward_windows`)."""
    found = grouped_sums(group, windows)
    weights = bootstrap_weights(len(found.images), Streams(0)("plots/summary"))
    attacked = group.bob.scores.attacked()
    robust = accuracy(group.bob.scores.take(attacked), group.bob.units()[attacked])
    return AdaptationSummary(len(group.decisions), mean_parameters(group), measured(mean_reward, found, weights), robust)


def _receiver(receiver: ReceiverView) -> ReceiverSummary | None:
    """Return the summary of one receiver of a group, None without scores."""
    scores = receiver.scores
    if not len(scores):
        return None
    unit = receiver.units()
    mean_mse = mean_interval(scores.mse).value
    return ReceiverSummary(
        images=len(scores),
        distinct=len(np.unique(scores.dataset_index)),
        units=int(unit.max()) + 1,
        psnr_db=cluster_mean(scores.psnr_db, unit),
        psnr_of_mean_mse_db=math.nan if math.isnan(mean_mse) else -10 * math.log10(max(mean_mse, 1e-10)),
        ssim=cluster_mean(scores.ssim, unit),
        metrics={name: metric_mean(values, unit) for name, values in scores.metrics.items()},
        accuracy=accuracy(scores, unit),
    )


def accuracy(scores: ScoreRows, unit: Ints) -> Interval:
    """Return the fraction 0..1 of classified reconstructions with the correct class, with its interval; n = 0 if there are none.

    unit  independent unit of each row [n]
    """
    classified = scores.classified()
    return cluster_share((scores.class_received == scores.label)[classified], unit[classified])


def metric_mean(values: Floats, unit: Ints) -> Interval:
    """Return the mean of a metric with its interval; of one whose values are 0 and 1 only, that of a share.

    values  value for each reconstruction [n], NaN if it does not exist
    unit    independent unit of each [n]
    """
    known = np.isfinite(values)
    found, of = values[known], unit[known]
    return cluster_share(found == 1, of) if np.isin(found, (0, 1)).all() else cluster_mean(found, of)


def jam_share(group: GroupView) -> float:
    """Return the jammed fraction 0..1 of the time of all links of a group; NaN if nothing was sent.

    The time of a link ends with its last frame or message, because a jammer that outlasts a link does no harm.
    """
    ends_ns = np.zeros(len(group.links), np.int64)
    for rows in (group.frames, group.control):
        np.maximum.at(ends_ns, np.searchsorted(group.links, rows.link), rows.time_ns + rows.airtime_ns)
    last = ends_ns[np.searchsorted(group.links, group.jamming.link)]
    on_ns = np.maximum(np.minimum(group.jamming.end_ns, last) - group.jamming.time_ns, 0).sum(dtype=np.int64)
    total_ns = int(ends_ns.sum())
    return int(on_ns) / total_ns if total_ns else math.nan


QUALITY = ("group", "links", "receiver", "images", "units", "PSNR dB", "SSIM")  # headings before those of the metrics
REMAINING = ("accuracy", "frames ok/lost", "control", "jammed")  # and after them


def metric_names(summaries: Sequence[GroupSummary]) -> list[str]:
    """Return the names of the metrics that any receiver has, in the order of the trace."""
    receivers = [receiver for summary in summaries for receiver in (summary.bob, summary.eve) if receiver is not None]
    return list(dict.fromkeys(name for receiver in receivers for name in receiver.metrics))


def images_text(receiver: ReceiverSummary) -> str:
    """Return the number of images of a receiver, with that of different images of the dataset if some were sent more than once."""
    return f"{receiver.images:,}" + (f" ({receiver.distinct:,} distinct)" if receiver.distinct < receiver.images else "")


def table_rows(summary: GroupSummary, metrics: Sequence[str]) -> list[tuple[str, ...]]:
    """Return a row of text per receiver, for the columns `QUALITY`, metrics and `REMAINING`.

    The first row has the values of the group; Bob always has a row. `metrics` are the names of the metrics that have a column.
    """
    rows: list[tuple[str, ...]] = []
    for name, receiver in (("Bob", summary.bob), ("Eve", summary.eve)):
        if receiver is not None:
            measured = (
                images_text(receiver),
                f"{receiver.units:,}",
                mean_text(receiver.psnr_db, 2),
                mean_text(receiver.ssim, 3),
                *(interval_text(receiver.metrics[name], 3) for name in metrics),
                share_text(receiver.accuracy),
            )
        elif name == "Bob":
            measured = ("0", "0", "-", "-", *("-" for _ in metrics), "-")
        else:
            continue
        first = not rows
        frames = f"{summary.decoded:,} / {summary.lost:,}"
        head = (summary.name, f"{summary.links:,}") if first else ("", "")
        tail = (frames, percent(summary.control_share), percent(summary.jam_share)) if first else ("", "", "")
        rows.append((*head, name, *measured, *tail))
    return rows


def summary_text(summaries: list[GroupSummary]) -> str:
    """Return a table of fixed width for a terminal, with a row per group and receiver and with 95 % intervals.

    The column `units` has the number of independent units over which the intervals are bootstrapped.
    A line per group in which Bob chooses the negotiated parameters follows (`adaptation_lines`).
    """
    metrics = metric_names(summaries)
    rows = [(*QUALITY, *metrics, *REMAINING), *(row for summary in summaries for row in table_rows(summary, metrics))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    words = {0, 2}  # columns of text are left-aligned, numbers right-aligned
    ruled = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    filled = ((c.ljust(w) if i in words else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))) for row in ruled)
    table = ["  ".join(row).rstrip() for row in filled]
    return "\n".join([*table, *adaptation_lines(summaries)])


def adaptation_lines(summaries: Sequence[GroupSummary]) -> list[str]:
    """Return a line for each group in which Bob chooses the negotiated parameters, with what is known of the following.

    oracle: 320 rounds, mean t_d 21.3, mean t_plus 4.8, mean reward -0.231 ± 0.004 (64 units), robust accuracy 78.2 % [75.9, 80.4]
    """
    lines = []
    for name, found in ((summary.name, summary.adaptation) for summary in summaries):
        if found is not None:
            means = "".join(f", mean {parameter} {number(value, 1)}" for parameter, value in found.parameters.items())
            units = count(found.reward.n, "unit")
            reward = "" if math.isnan(found.reward.value) else f", mean reward {mean_text(found.reward, 3)} ({units})"
            robust = f", robust accuracy {share_text(found.robust_accuracy)}" if found.robust_accuracy.n else ""
            lines.append(f"{name}: {found.rounds:,} rounds{means}{reward}{robust}")
    return lines
