"""What was on the air between Alice and Bob of one link, message by message, over the first exchanges."""

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from linksim.plots.plot_style import ALICE, BOB, INK, JAMMER, freeze_layout, legend, plot_style, sanitise
from linksim.plots.tables import ACCEPTED, DECODED, NOT_SENT, Jamming, seconds, sent_by_alice
from linksim.plots.time_series import Axis, axis_of
from linksim.plots.trace_view import GroupView, View
from linksim.records import AS_SENT, MESSAGES

EVENTS = 36
STRIPS = 6  # at most
COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#999999", "#882255", "#44AA99", "#332288")  # by kind of message, then repeated
DATA = "#5B6C8F"
ROWS = {ALICE.name: 1.0, BOB.name: 0.0}
HALF = 0.22  # of a bar's height
WIDTH = 11.0  # inches
LEGIBLE = 0.6  # inches that a usual bar should have


@dataclass(frozen=True)
class Bar:
    """One transmission, in s. `names` are what may be written on it, the longest first; `lost` when its addressee could not use it."""

    start_s: float
    end_s: float
    sender: str
    kind: str
    colour: str
    names: tuple[str, ...]
    lost: bool


def bars(group: GroupView, link: int) -> list[Bar]:
    """The first `EVENTS` transmissions of a link in order of time. Frames that were never sent are not among them."""
    frames = group.frames.take((group.frames.link == link) & (group.frames.outcome != NOT_SENT))
    control = group.control.take((group.control.link == link) & (group.control.origin == AS_SENT))
    frames = frames.take(np.argsort(frames.time_ns, kind="stable")[:EVENTS])
    control = control.take(np.argsort(control.time_ns, kind="stable")[:EVENTS])
    found = [
        Bar(a, a + d, ALICE.name, "data frame", DATA, (f"frame {n}", str(n)), outcome != DECODED)
        for a, d, n, outcome in zip(seconds(frames.time_ns), seconds(frames.airtime_ns), frames.frame, frames.outcome, strict=True)
    ]
    for a, d, alice, code, outcome in zip(
        seconds(control.time_ns), seconds(control.airtime_ns), sent_by_alice(control), control.message, control.outcome, strict=True
    ):
        kind = MESSAGES[code].upper() if code < len(MESSAGES) else f"message {code}"
        found.append(Bar(a, a + d, (ALICE if alice else BOB).name, kind, COLOURS[code % len(COLOURS)], (kind,), outcome != ACCEPTED))
    return sorted(found, key=lambda bar: bar.start_s)[:EVENTS]


def choose(view: View) -> tuple[GroupView, int] | None:
    """The group and link that show most: most kinds of message, then losses, then jamming; the first of equals. None: nothing was sent."""
    best, most = None, (-1, False, False)
    for group in view.groups:
        for link in group.links[:8].tolist():
            seen = bars(group, link)
            worth = (len({bar.kind for bar in seen}), any(bar.lost for bar in seen), bool((group.jamming.link == link).any()))
            if seen and worth > most:
                best, most = (group, link), worth
    return best


@plot_style()
def timeline_figure(view: View) -> Figure | None:
    """One link, its time cut into strips of equal length; None where nothing was sent."""
    chosen = choose(view)
    if chosen is None:
        return None
    group, link = chosen
    drawn = bars(group, link)
    start, end = drawn[0].start_s, max(bar.end_s for bar in drawn)
    usual = float(np.median([bar.end_s - bar.start_s for bar in drawn]))
    strips = int(np.clip(np.ceil((end - start) / max(usual, 1e-9) * LEGIBLE / WIDTH), 1, STRIPS))
    length = (end - start) / strips * 1.0001
    axis = axis_of(end)
    figure = Figure(figsize=(WIDTH, 1.1 + 1.35 * strips))
    panels = figure.subplots(strips, 1, squeeze=False)[:, 0]
    jamming = group.jamming.take(group.jamming.link == link)
    for i, panel in enumerate(panels):
        left, right = start + i * length, start + (i + 1) * length
        strip(panel, [bar for bar in drawn if bar.end_s >= left and bar.start_s <= right], left, right, axis)
        jammed = shade(panel, jamming, left, right, axis)
    panels[-1].set_xlabel(f"simulated time ({axis.unit})")
    figure.suptitle(f"On the air: first {len(drawn)} transmissions of link {link}, {sanitise(group.name)}")
    explain(figure, drawn, jammed)
    return freeze_layout(figure)


def strip(panel: Axes, drawn: list[Bar], left_s: float, right_s: float, axis: Axis) -> None:
    """The bars of one stretch of time, and for each that ends in it an arrow to its addressee, broken where it was lost."""
    panel.set_xlim(left_s * axis.per_s, right_s * axis.per_s)
    panel.set_ylim(-0.45, 1.45)
    panel.set_yticks(list(ROWS.values()), [f"{name} sends" for name in ROWS])
    panel.grid(False, axis="y")
    panel.spines["left"].set_visible(False)
    panel.tick_params(axis="y", length=0)
    for bar in drawn:
        row = ROWS[bar.sender]
        box(panel, bar, row, axis)
        room = (min(bar.end_s, right_s) - max(bar.start_s, left_s)) / (right_s - left_s) * (WIDTH - 1.2)
        middle = (min(bar.end_s, right_s) + max(bar.start_s, left_s)) / 2 * axis.per_s
        fitting = [name for name in bar.names if 0.061 * len(name) + 0.03 < room]
        if fitting:
            back = {"boxstyle": "square,pad=0.12", "facecolor": "white", "linewidth": 0} if bar.lost else None
            panel.text(middle, row, fitting[0], fontsize=6.5, ha="center", va="center", color=on(bar), bbox=back)
        if left_s <= bar.end_s <= right_s:
            arrow(panel, bar, row, axis)


def on(bar: Bar) -> str:
    """A colour that can be read on a bar."""
    red, green, blue = to_rgb(bar.colour)
    return "white" if not bar.lost and 0.3 * red + 0.59 * green + 0.11 * blue < 0.5 else INK


def box(panel: Axes, bar: Bar, row: float, axis: Axis) -> None:
    """A bar: filled when it arrived, hatched when it was lost."""
    x, width = bar.start_s * axis.per_s, (bar.end_s - bar.start_s) * axis.per_s
    patch = Rectangle((x, row - HALF), width, 2 * HALF, facecolor=bar.colour, edgecolor=INK, linewidth=0.6, zorder=3)
    if bar.lost:
        red, green, blue = to_rgb(bar.colour)
        patch.set(facecolor="white", edgecolor=(0.65 * red, 0.65 * green, 0.65 * blue), hatch="/////")
    panel.add_patch(patch)


def arrow(panel: Axes, bar: Bar, row: float, axis: Axis) -> None:
    """From a bar's end to the other row."""
    step_toward = 1 if row == 0 else -1
    x, start, end = bar.end_s * axis.per_s, row + step_toward * HALF, (1 - row) - step_toward * HALF
    if bar.lost:
        end = row + step_toward * 0.5
        panel.plot([x], [end], marker="x", color=INK, markersize=5, zorder=4)
    style = {"arrowstyle": "-" if bar.lost else "-|>", "color": INK, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
    panel.annotate("", xy=(x, end), xytext=(x, start), arrowprops=style, zorder=4)


def shade(panel: Axes, jamming: Jamming, left_s: float, right_s: float, axis: Axis) -> bool:
    """Tint the jammed intervals -> whether there are any in the trace of this link."""
    start, end = seconds(jamming.time_ns), seconds(jamming.end_ns)
    for i in np.flatnonzero((end > left_s) & (start < right_s)):
        first, last = max(start[i], left_s) * axis.per_s, min(end[i], right_s) * axis.per_s
        panel.axvspan(first, last, color=JAMMER.colour, alpha=0.3, linewidth=0, zorder=0)
    return len(start) > 0


def explain(figure: Figure, drawn: list[Bar], jammed: bool) -> None:
    """What colours and hatching mean, for what is there."""
    kinds = {bar.kind: bar.colour for bar in drawn}
    handles: dict[str, Artist] = {kind: Patch(facecolor=colour, edgecolor=INK, linewidth=0.6) for kind, colour in kinds.items()}
    if any(bar.lost for bar in drawn):
        handles["lost or refused"] = Patch(facecolor="white", edgecolor=INK, hatch="/////", linewidth=0.6)
    if jammed:
        handles["jammer on"] = Patch(facecolor=to_rgba(JAMMER.colour, 0.3))
    legend(figure, list(handles.values()), list(handles))
