"""Figure of the first transmissions between Alice and Bob of one link as bars over time.

The bars are to scale, unlike the messages of `plots.session`, so the figure shows what share of the air control messages and data frames
take. Both figures show the link that `choose_link` selects.
"""

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from linksim.enums import ControlOutcome, MessageKind, Origin, Outcome
from linksim.plots.figure_shape import new_figure, requested_size, set_title
from linksim.plots.plot_style import ALICE, BOB, JAMMER, TEXT_COLOUR, freeze_layout, legend, plot_style, sanitise
from linksim.plots.tables import JammingRows, seconds, sent_by_alice
from linksim.plots.time_series import TimeAxis, time_axis
from linksim.plots.trace_view import GroupView, TraceView

EVENTS = 36  # number of transmissions
MAX_STRIPS = 6
COLOURS = (
    "#56B4E9",
    "#E69F00",
    "#009E73",
    "#F0E442",
    "#999999",
    "#882255",
    "#44AA99",
    "#332288",
    "#CC6677",
)  # by kind of message
DATA = "#5B6C8F"
ROWS = {ALICE.name: 1.0, BOB.name: 0.0}
HALF = 0.22  # half of a bar's height
WIDTH = 11.0  # inches
STRIP, ABOVE = 1.4, 1.1  # inches: height of a strip, and of title and legend together
LEGIBLE = 0.6  # target width of a median bar in inches
SMALL, CHARACTER = 6.5, 0.061  # font size of labels in points, and width of a character in inches
MARGIN = 1.2  # width in inches beside the strips
LEVELS = 2  # lines of labels beside the bars


@dataclass(frozen=True)
class TransmissionBar:
    """One transmission.

    start_s, end_s  start and end in s
    sender          "Alice" or "Bob"
    kind            "data frame" or the kind of control message
    colour          colour of the kind
    names           possible labels of the bar, the longest first; the first one that fits is drawn
    lost            whether the addressee did not receive it or could not use it
    """

    start_s: float
    end_s: float
    sender: str
    kind: str
    colour: str
    names: tuple[str, ...]
    lost: bool


def transmissions(group: GroupView, link: int) -> list[TransmissionBar]:
    """Return the first `EVENTS` transmissions of a link in the order of time.

    group  group of the link
    link   number of the link

    Frames that were not sent and copies that faults of the link have made were never on the air, and are left out.
    """
    frames = group.frames.take((group.frames.link == link) & (group.frames.outcome != Outcome.NOT_SENT))
    control = group.control.take((group.control.link == link) & (group.control.origin == Origin.SENT))
    frames = frames.take(np.argsort(frames.time_ns, kind="stable")[:EVENTS])
    control = control.take(np.argsort(control.time_ns, kind="stable")[:EVENTS])
    found = [
        TransmissionBar(a, a + d, ALICE.name, "data frame", DATA, (f"frame {n}", str(n)), outcome != Outcome.DECODED)
        for a, d, n, outcome in zip(seconds(frames.time_ns), seconds(frames.airtime_ns), frames.frame, frames.outcome, strict=True)
    ]
    for a, d, alice, code, outcome in zip(
        seconds(control.time_ns), seconds(control.airtime_ns), sent_by_alice(control), control.message, control.outcome, strict=True
    ):
        kind = MessageKind(code).name if code < len(MessageKind) else f"message {code}"
        found.append(
            TransmissionBar(
                a, a + d, (ALICE if alice else BOB).name, kind, COLOURS[code % len(COLOURS)], (kind,), outcome != ControlOutcome.ACCEPTED
            )
        )
    return sorted(found, key=lambda bar: bar.start_s)[:EVENTS]


def choose_link(view: TraceView) -> tuple[GroupView, int] | None:
    """Return the group and number of the link to show; None if nothing was sent.

    It is the one with the most kinds of message among its first transmissions, of equal ones one with losses, then one with jamming. Only
    the first eight links of a group are considered.
    """
    best, best_rank = None, (-1, False, False)
    for group in view.groups:
        for link in group.links[:8].tolist():
            seen = transmissions(group, link)
            rank = (len({bar.kind for bar in seen}), any(bar.lost for bar in seen), bool((group.jamming.link == link).any()))
            if seen and rank > best_rank:
                best, best_rank = (group, link), rank
    return best


@plot_style()
def timeline_figure(view: TraceView) -> Figure | None:
    """Draw the link of `choose_link`. Returns None if nothing was sent.

    The time is divided into at most `MAX_STRIPS` strips of equal length, one below the other, in which a bar of median length is about
    `LEGIBLE` inches wide.
    """
    chosen = choose_link(view)
    if chosen is None:
        return None
    group, link = chosen
    drawn = transmissions(group, link)
    start, end = drawn[0].start_s, max(bar.end_s for bar in drawn)
    median = float(np.median([bar.end_s - bar.start_s for bar in drawn]))
    width, height = requested_size(WIDTH, ABOVE + STRIP * MAX_STRIPS)
    most = max(1, int((height - ABOVE) / (0.8 * STRIP)))
    strips = int(np.clip(np.ceil((end - start) / max(median, 1e-9) * LEGIBLE / width), 1, min(MAX_STRIPS, most)))
    length = (end - start) / strips * 1.0001
    axis = time_axis(end)
    figure = new_figure(WIDTH, ABOVE + STRIP * strips)
    panels = figure.subplots(strips, 1, squeeze=False)[:, 0]
    jamming, jammed = group.jamming.take(group.jamming.link == link), False
    for i, panel in enumerate(panels):
        left, right = start + i * length, start + (i + 1) * length
        strip(panel, [bar for bar in drawn if bar.end_s >= left and bar.start_s <= right], left, right, axis, width - MARGIN)
        jammed |= shade(panel, jamming, left, right, axis)
    panels[-1].set_xlabel(f"simulated time ({axis.unit})")
    set_title(figure, f"First {len(drawn)} transmissions of link {link}, {sanitise(group.name)}")
    add_legend(figure, drawn, jammed)
    return freeze_layout(figure)


def strip(panel: Axes, drawn: list[TransmissionBar], left_s: float, right_s: float, axis: TimeAxis, inches: float) -> None:
    """Draw the bars of one interval of time, and for each that ends in it an arrow to the addressee, with a cross if it was lost.

    panel            the strip
    drawn            transmissions that overlap the interval
    left_s, right_s  limits of the interval in s
    axis             unit of the time axis
    inches           width of the strip
    """
    panel.set_xlim(left_s * axis.per_s, right_s * axis.per_s)
    panel.set_ylim(-0.6, 1.6)
    panel.set_yticks(list(ROWS.values()), [f"{name} sends" for name in ROWS])
    panel.grid(False, axis="y")
    panel.spines["left"].set_visible(False)
    panel.tick_params(axis="y", length=0)
    per_s = inches / (right_s - left_s)
    beside: list[TransmissionBar] = []
    for bar in drawn:
        row = ROWS[bar.sender]
        box(panel, bar, row, axis)
        first, last = max(bar.start_s, left_s), min(bar.end_s, right_s)
        fitting = [name for name in bar.names if CHARACTER * len(name) + 0.03 < (last - first) * per_s]
        if fitting:
            back = {"boxstyle": "square,pad=0.12", "facecolor": "white", "linewidth": 0} if bar.lost else None
            middle = (first + last) / 2 * axis.per_s
            panel.text(middle, row, fitting[0], fontsize=SMALL, ha="center", va="center", color=text_colour(bar), bbox=back)
        elif bar.start_s >= left_s and (bar.end_s <= right_s or (bar.end_s - bar.start_s) * per_s < LEGIBLE):  # a long one is continued
            beside.append(replace(bar, end_s=last))
        if left_s <= bar.end_s <= right_s:
            arrow(panel, bar, row, axis)
    for bar, level in zip(beside, label_levels(beside, per_s), strict=True):
        draw_label(panel, bar, level, axis)


def label_levels(bars: list[TransmissionBar], inches_per_s: float) -> list[int]:
    """Return the line, 0 or further from the bars, on which the label of each short bar overlaps no other label of its sender.

    bars          bars whose labels do not fit into them, in the order of time
    inches_per_s  scale of the time axis

    The last line is used again if labels are too close for `LEVELS` lines.

    >>> bars = [TransmissionBar(start, start + 1, "Alice", "KEY", "", ("KEY",), False) for start in (0.0, 1.0, 9.0)]
    >>> label_levels(bars, 0.1)
    [0, 1, 0]
    """
    ends: dict[tuple[str, int], float] = {}
    levels = []
    for bar in bars:
        middle, half = (bar.start_s + bar.end_s) / 2 * inches_per_s, CHARACTER * len(bar.names[-1]) / 2
        free = [level for level in range(LEVELS) if middle - half > ends.get((bar.sender, level), -np.inf)]
        level = free[0] if free else LEVELS - 1
        ends[bar.sender, level] = middle + half
        levels.append(level)
    return levels


def draw_label(panel: Axes, bar: TransmissionBar, level: int, axis: TimeAxis) -> None:
    """Draw the label of a short bar beside it, above Alice's and below Bob's; `level` is that of `label_levels`."""
    row, up = ROWS[bar.sender], 1 if bar.sender == ALICE.name else -1
    y = row + up * (HALF + 0.03 + 0.19 * level)
    middle = (bar.start_s + bar.end_s) / 2 * axis.per_s
    panel.text(middle, y, bar.names[-1], fontsize=SMALL, ha="center", va="bottom" if up > 0 else "top")


def text_colour(bar: TransmissionBar) -> str:
    """Return a text colour that is readable on a bar: white on a dark one, by its luma (ITU-R BT.601)."""
    red, green, blue = to_rgb(bar.colour)
    return "white" if not bar.lost and 0.3 * red + 0.59 * green + 0.11 * blue < 0.5 else TEXT_COLOUR


def box(panel: Axes, bar: TransmissionBar, row: float, axis: TimeAxis) -> None:
    """Draw the bar of a transmission at height `row`: hatched if it was lost, otherwise filled with the colour of its kind."""
    x, width = bar.start_s * axis.per_s, (bar.end_s - bar.start_s) * axis.per_s
    patch = Rectangle((x, row - HALF), width, 2 * HALF, facecolor=bar.colour, edgecolor=TEXT_COLOUR, linewidth=0.6, zorder=3)
    if bar.lost:
        red, green, blue = to_rgb(bar.colour)
        patch.set(facecolor="white", edgecolor=(0.65 * red, 0.65 * green, 0.65 * blue), hatch="/////")
    panel.add_patch(patch)


def arrow(panel: Axes, bar: TransmissionBar, row: float, axis: TimeAxis) -> None:
    """Draw an arrow from the end of a bar to the other row; the line of a lost transmission ends half-way in a cross."""
    direction = 1 if row == 0 else -1
    x, start, end = bar.end_s * axis.per_s, row + direction * HALF, (1 - row) - direction * HALF
    if bar.lost:
        end = row + direction * 0.5
        panel.plot([x], [end], marker="x", color=TEXT_COLOUR, markersize=5, zorder=4)
    style = {
        "arrowstyle": "-" if bar.lost else "-|>",
        "color": TEXT_COLOUR,
        "linewidth": 0.7,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 7,
    }
    panel.annotate("", xy=(x, end), xytext=(x, start), arrowprops=style, zorder=4)


def shade(panel: Axes, jamming: JammingRows, left_s: float, right_s: float, axis: TimeAxis) -> bool:
    """Tint the jammed intervals of one strip, and return whether there are any."""
    start, end = seconds(jamming.time_ns), seconds(jamming.end_ns)
    seen = np.flatnonzero((end > left_s) & (start < right_s))
    for i in seen:
        first, last = max(start[i], left_s) * axis.per_s, min(end[i], right_s) * axis.per_s
        panel.axvspan(first, last, color=JAMMER.colour, alpha=0.3, linewidth=0, zorder=0)
    return len(seen) > 0


def add_legend(figure: Figure, drawn: list[TransmissionBar], jammed: bool) -> None:
    """Add a legend for the colours and hatchings that occur."""
    kinds = {bar.kind: bar.colour for bar in drawn}
    handles: dict[str, Artist] = {kind: Patch(facecolor=colour, edgecolor=TEXT_COLOUR, linewidth=0.6) for kind, colour in kinds.items()}
    if any(bar.lost for bar in drawn):
        handles["lost or refused"] = Patch(facecolor="white", edgecolor=TEXT_COLOUR, hatch="/////", linewidth=0.6)
    if jammed:
        handles["jammer on"] = Patch(facecolor=to_rgba(JAMMER.colour, 0.3))
    legend(figure, list(handles.values()), list(handles))
