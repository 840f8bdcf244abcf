"""The session of one link as a sequence chart: Alice and Bob as lifelines, time downwards, an arrow for each message and data frame."""

from collections import Counter
from typing import Any, Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from linksim.plots.plot_style import INK, JAMMER, freeze_layout, legend, plot_style, sanitise
from linksim.plots.sequence import LOST, NOTE, Message, Scale, excerpts, messages, scale
from linksim.plots.tables import Jamming, seconds
from linksim.plots.time_series import Axis, axis_of
from linksim.plots.timeline import DATA, choose
from linksim.plots.trace_view import View

WIDTH = 5.0  # inches of an excerpt
HEAD = 0.35  # inches above the first message
REFUSED, MISSED = "#C77700", "#777777"
BREAK = 0.55  # of its way that a lost message is drawn
SMALL = 7.0  # points
DASHED: Literal["dashed"] = "dashed"


@plot_style()
def session_figure(view: View) -> Figure | None:
    """The link that shows most, in one or two excerpts side by side; None where nothing was sent."""
    chosen = choose(view)
    if chosen is None:
        return None
    group, link = chosen
    parts = [(title, part, scale(part)) for title, part in excerpts(messages(group, link))]
    axis = axis_of(max(message.end_s for _, part, _ in parts for message in part))
    height = max(place.height for _, _, place in parts)
    figure = Figure(figsize=(max(6.8, WIDTH * len(parts)), 1.6 + HEAD + height))
    jamming = group.jamming.take(group.jamming.link == link)
    jammed = False
    for panel, (title, part, place) in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
        panel.set_title(title)
        lifelines(panel, place, height, part)
        jammed |= shade(panel, jamming, place)
        above: Counter[float] = Counter()
        for message in part:
            if message.on_air:
                draw(panel, message, place, axis)
            else:
                above[message.start_s] += 1
                annotate(panel, message, place(message.start_s) + NOTE * (above[message.start_s] - 0.3))
        for start, end in place.breaks:
            gap = f"{(end - start) * axis.per_s:.3g} {axis.unit} of silence"
            panel.text(0.5, (place(start) + place(end)) / 2, gap, fontsize=SMALL - 0.5, color=MISSED, ha="center", va="center")
    figure.suptitle(f"Session of link {link}, {sanitise(group.name)}: times in {axis.unit}, lengths not to scale")
    explain(figure, [message for _, part, _ in parts for message in part], jammed)
    return freeze_layout(figure)


def lifelines(panel: Axes, place: Scale, height: float, part: list[Message]) -> None:
    """Two lines with a name above each, and at their sides the room that notes need."""
    longest = max((len(note(message)) for message in part if not message.on_air), default=0)
    margin = max(0.24, 0.05 + 0.0205 * longest)
    panel.set(xlim=(-margin, 1 + margin), ylim=(height, -HEAD))
    panel.set_axis_off()
    for x, name in ((0, "Alice"), (1, "Bob")):
        panel.plot([x, x], [-0.08, place.height], color=INK, linewidth=1.0, zorder=1)
        panel.text(x, -0.16, name, ha="center", va="bottom", fontweight="bold")


def draw(panel: Axes, message: Message, place: Scale, axis: Axis) -> None:
    """An arrow from its sender, as its transmission begins, to its addressee, as it arrives; broken with a cross where it was lost."""
    here, there = (0.0, 1.0) if message.by_alice else (1.0, 0.0)
    top, bottom = place(message.start_s), place(message.end_s)
    colour, reach = color_of(message), BREAK if message.outcome == LOST else 1.0
    x, y = here + reach * (there - here), top + reach * (bottom - top)
    width = 2.6 if message.data else 1.1
    style: dict[str, Any] = {"arrowstyle": "-" if reach < 1 else "-|>", "color": colour, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
    style |= {"mutation_scale": 14 if message.data else 10, "linestyle": DASHED if reach < 1 else "solid"}
    panel.annotate("", xy=(x, y), xytext=(here, top), arrowprops=style, zorder=2)
    if reach < 1:
        panel.plot([x], [y], marker="x", color=INK, markersize=7, markeredgewidth=1.8, zorder=4)
    said = message.name + ("" if message.used or message.outcome == LOST else f": {message.outcome}")
    middle = here + 0.5 * reach * (there - here), top + 0.5 * reach * (bottom - top)
    back = {"facecolor": "white", "linewidth": 0, "boxstyle": "square,pad=0.15"}
    panel.text(*middle, said, fontsize=SMALL, ha="center", va="center", color=INK if message.used else colour, bbox=back, zorder=3)
    stamp(panel, message, here, top, axis)


def annotate(panel: Axes, message: Message, y: float) -> None:
    """A note beside a line: by Alice's, of a frame that she held back; by its addressee's, of a copy that its sender did not send."""
    x, side = (-0.03, "right") if message.by_alice != message.fault else (1.03, "left")
    panel.text(x, y, note(message), fontsize=SMALL, ha=side, va="center", color=MISSED if message.used else REFUSED)


def note(message: Message) -> str:
    """What is said of a message that was not on the air."""
    return f"{message.name}: {message.outcome}"


def stamp(panel: Axes, message: Message, x: float, y: float, axis: Axis) -> None:
    """When it began, beside the line of who sent it."""
    side: dict[str, Any] = {"ha": "right", "x": -0.03} if x == 0 else {"ha": "left", "x": 1.03}
    panel.text(y=y, s=f"{message.start_s * axis.per_s:.2f}", fontsize=SMALL, va="center", color="#555555", **side)


def color_of(message: Message) -> str:
    """Its colour."""
    if message.outcome == LOST:
        return MISSED
    return (DATA if message.data else INK) if message.used else REFUSED


def shade(panel: Axes, jamming: Jamming, place: Scale) -> bool:
    """Tint the jammed stretches between the lifelines -> whether there are any."""
    first, last = place.instants[0], place.instants[-1]
    seen = [
        (max(a, first), min(b, last))
        for a, b in zip(seconds(jamming.time_ns), seconds(jamming.end_ns), strict=True)
        if a < last and b > first
    ]
    for start, end in seen:
        panel.fill_between([0, 1], place(start), place(end), facecolor=to_rgba(JAMMER.colour, 0.35), linewidth=0, zorder=0)
    return bool(seen)


def explain(figure: Figure, shown: list[Message], jammed: bool) -> None:
    """What the lines mean, for what is there."""
    handles: dict[str, Artist] = {}
    for message in shown:
        if not message.on_air:
            continue
        what = LOST if message.outcome == LOST else "" if message.used else "came, but could not be used"
        name = ("data frame" if message.data else "control message") + (f", {what}" if what else "")
        dash = DASHED if message.outcome == LOST else "solid"
        handles[name] = Line2D([], [], color=color_of(message), linewidth=2.6 if message.data else 1.1, linestyle=dash)
    if jammed:
        handles["jammer on"] = Patch(facecolor=to_rgba(JAMMER.colour, 0.35))
    names = sorted(handles)
    legend(figure, [handles[name] for name in names], names)
