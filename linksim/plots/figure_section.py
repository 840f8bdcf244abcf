"""The section of the report with all figures and their captions. matplotlib is imported only when a figure is drawn.

Charts are vector graphics (SVG). The stored images become an HTML table of PNG files at their own resolution instead of a figure, so that
the browser scales them without smoothing and screen readers get the scores as text.
"""

from linksim import registry
from linksim.plots.captions import caption_of
from linksim.plots.figures import draw
from linksim.plots.html import Markup, element, image, join
from linksim.plots.trace_view import TraceView


def figure_section(view: TraceView) -> Markup:
    """Return the section with all figures of the registry, in the order of their declaration.

    A figure without data is replaced by the text `Caption.absent`, or left out if it is optional.
    """
    from linksim.plots.plot_style import svg

    shown = []
    for component in registry.components("figure"):
        caption = caption_of(component)
        if component.name == "images":
            content = image_tables(view)
        else:
            figure = draw(component.load(), view)
            alt = f"Chart: {caption.title}. {caption.explanation}"
            content = image(svg(figure), "svg+xml", alt, "chart") if figure is not None else join(())
        if content:
            shown.append(figure_element(caption.title, caption.explanation, content))
        elif caption.absent and not caption.optional:
            shown.append(element("p", element("b", caption.title), ": ", caption.absent, class_="soft"))
    return element("section", element("h2", "Figures"), *shown)


def figure_element(title: str, caption: str, content: Markup) -> Markup:
    """Return the element of a figure: title, caption, content."""
    return element("figure", element("h3", title), element("figcaption", caption), content)


def image_tables(view: TraceView) -> Markup:
    """Return a table of images per group, with a row per node and a column per image; empty without stored images."""
    from linksim.plots.images import image_rows, png

    tables = []
    for group in view.groups:
        lines = []
        for row in image_rows(group):
            cells = []
            for place, cell in enumerate(row.cells):
                alt = f"image {place + 1}, {row.name}" + (f": {cell.score}" if cell.score else "")
                cells.append(element("td", "not stored" if cell.image is None else image(png(cell.image), "png", alt), cell.score))
            lines.append(element("tr", element("th", row.name, scope="row"), *cells))
        if lines:
            tables.append(join((element("h3", group.name), element("div", element("table", *lines, class_="images"), class_="wide"))))
    return join(tables)
