"""Size and title that a caller requests of figures, in place of those that each figure has by itself.

A figure is a function of a trace alone, and its size decides how many blocks stand side by side, which labels fit and how long the legend
is. A request is therefore made around the call: figures that are created within `requested_shape` have the requested size from the start.
"""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from linksim.errors import LinksimError, quoted

FONT = "DejaVu Sans"  # comes with matplotlib
TITLE_POINTS = 12.0  # size of the font of titles, which are bold
CHARACTER = 0.0083  # width of a character in inches per point, for bold text


@dataclass(frozen=True)
class FigureShape:
    """A request.

    size   width and height in inches; None for those of the figure
    title  title; "" for none, None for that of the figure
    """

    size: tuple[float, float] | None = None
    title: str | None = None


DEFAULT = FigureShape()
_REQUESTED = ContextVar("figure_shape", default=DEFAULT)


@contextmanager
def requested_shape(shape: FigureShape) -> Iterator[None]:
    """Context manager in which figures have the requested size and title."""
    before = _REQUESTED.set(shape)
    try:
        yield
    finally:
        _REQUESTED.reset(before)


def require_glyphs(title: str) -> None:
    """Raise LinksimError for a title with a character that the font of the figures lacks.

    >>> require_glyphs("SNR in dB: \u00b1 3")
    >>> require_glyphs("\u4e2d")
    Traceback (most recent call last):
        ...
    linksim.errors.LinksimError: the title '中' has characters that the font DejaVu Sans lacks: '中'
    """
    font = get_font(findfont(FontProperties(family=FONT)))
    lacking = "".join(dict.fromkeys(c for c in title if c != "\n" and not font.get_char_index(ord(c))))
    if lacking:
        raise LinksimError(f"the title {quoted(title)} has characters that the font {FONT} lacks: {quoted(lacking)}")


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """Create a figure of the requested size, or else of `width` x `height` inches; `options` are those of matplotlib's `Figure`.

    >>> with requested_shape(FigureShape(size=(7.0, 4.5))):
    ...     new_figure(11.0, 5.0).get_size_inches().tolist()
    [7.0, 4.5]
    """
    return Figure(figsize=_REQUESTED.get().size or (width, height), **options)


def requested_size(width: float, height: float) -> tuple[float, float]:
    """Return the requested width and height in inches, or else those that are given."""
    return _REQUESTED.get().size or (width, height)


def wrap(text: str, inches: float, points: float = 10.0) -> str:
    """Break a text into lines that fit a width.

    inches  width of the space for the text
    points  size of its font

    >>> wrap("a title of several words", inches=1.1)
    'a title of\\nseveral words'
    """
    characters = max(8, int(inches / (CHARACTER * points)))
    return "\n".join(line for part in text.split("\n") for line in textwrap.wrap(part, characters) or [""])


def set_title(figure: Figure, title: str) -> None:
    """Set the title of a figure to the requested one, or else to `title`; none if the request is an empty title."""
    requested = _REQUESTED.get().title
    text = title if requested is None else requested
    if text:
        figure.suptitle(wrap(text, figure.get_figwidth() - 0.3, TITLE_POINTS))


def reshape_foreign(figure: Figure) -> None:
    """Apply the request to a figure that was not created with `new_figure` and `set_title`, such as one from outside the package."""
    shape = _REQUESTED.get()
    if shape.size is not None:
        figure.set_size_inches(shape.size)
    if shape.title is not None and figure.get_suptitle().split() != shape.title.split():
        figure.suptitle(shape.title)
