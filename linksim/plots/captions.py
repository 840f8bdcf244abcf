"""The figures of the report, each with its title and how to read it. matplotlib is imported only once something is drawn."""

from dataclasses import dataclass

from linksim.plots.figures import painters
from linksim.plots.html import Markup, element, image, join
from linksim.plots.trace_view import View


@dataclass(frozen=True)
class Plate:
    """Words beside a figure.

    how     to read it
    absent  what is said where there is nothing to draw; "" says nothing
    """

    title: str
    how: str
    absent: str = ""


PLATES = {
    "time-series": Plate(
        "SNR and quality over time",
        "Above, the SNR at each receiver as it was (solid) and as it was believed to be (dashed); below, what it did to the images; "
        "the ground is tinted while a jammer was on.",
    ),
    "scores": Plate(
        "Quality against SNR",
        "Each point is the mean over all images whose frame fell into a bin of SNR, with its 95 % interval; the lowest panel "
        "counts those images, so that a wide interval can be told from a poor link.",
        "No image was scored.",
    ),
    "compare": Plate(
        "Kinds of link",
        "Each line is one kind of link: the mean over Bob's images at each SNR, with its 95 % interval. An image whose checksum "
        "failed is lost and counts as the grey that stands in its place.",
    ),
    "decisions": Plate(
        "Choice of diffusion steps",
        "Of one link of each group, the SNR as it was and as Bob measured it, and the steps that frames were sent with; a cross is what he "
        "asked for in a report that Alice never had. Below, over all links of the group, the reward of Eq. (31) where the source was "
        "attacked, and SSIM and accuracy, each over the images of one stretch of time.",
    ),
    "policy-map": Plate(
        "Answer to the SNR",
        "The steps that Bob asked for against the SNR that he had measured: each choice a dot, the median of each bin of SNR a line, and "
        "between 5 and 95 % of the choices a band. An oracle looks at the SNR as it was, so errors of measurement blur its line.",
    ),
    "policies": Plate(
        "Policies",
        "Groups that differ in nothing but Bob's policy, with 95 % intervals. Rewards are held against those of the oracle, or of the "
        "first group where there is none: link by link both met the same channel and images, so the difference is surer than either mean.",
    ),
    "images": Plate(
        "Images",
        "What Alice sent, what Bob got, and what Eve made of what she received, with PSNR and SSIM below each estimate. Where her source was "
        "attacked, what she sent is the attacked source, and estimates are held against the original.",
        "No image was kept: trace.images is 0, or no frame was received.",
    ),
    "channel": Plate(
        "Radio paths",
        "One link of each group. Above, the power of the gain about its mean, coherence blocks tinted in turn; below, the SNR at every "
        "instant and during each data frame, filled as it was, hollow as the receiver estimated it, interference taken for noise.",
        "No path was kept: trace.channel_samples is 0.",
    ),
    "constellation": Plate(
        "Constellations",
        "Symbols of the first frames, in the colour of the quadrant in which they were radiated: as they were received, turned and scaled by "
        "the path, and after equalisation. EVM is the error after equalisation over the power radiated.",
        "No symbol was kept: trace.constellation_frames is 0, or no frame was received.",
    ),
    "timeline": Plate(
        "On the air",
        "Each bar is one transmission and each arrow its arrival; hatched bars were lost or could not be used, and time runs on "
        "from one strip to the next.",
    ),
    "session": Plate(
        "Session",
        "Time runs downwards; the number beside a line is when the transmission began. A broken arrow with a cross was lost on the way; "
        "one in another colour came, but could not be used, and names the reason. Control messages bear the number of their exchange.",
    ),
}


def figure_section(view: View) -> Markup:
    """Charts as SVG, images as PNG."""
    from linksim.plots.plot_style import svg

    shown = []
    for name, paint in painters().items():
        plate = PLATES[name]
        if name == "images":
            inside = picture_tables(view)
        else:
            figure = paint(view)
            alt = f"Chart: {plate.title}. {plate.how}"
            inside = image(svg(figure), "svg+xml", alt, "chart") if figure is not None else join(())
        if inside:
            shown.append(framed(plate.title, plate.how, inside))
        elif plate.absent:
            shown.append(element("p", element("b", plate.title), ": ", plate.absent, class_="soft"))
    return element("section", element("h2", "Figures"), *shown)


def framed(title: str, caption: str, inside: Markup) -> Markup:
    """A figure with how to read it."""
    return element("figure", element("h3", title), element("figcaption", caption), inside)


def picture_tables(view: View) -> Markup:
    """A table of images per group: a row per node, a column per image."""
    from linksim.plots.images import picture_rows, png

    tables = []
    for group in view.groups:
        lines = []
        for row in picture_rows(group):
            cells = []
            for place, cell in enumerate(row.cells):
                alt = f"image {place + 1}, {row.name}" + (f": {cell.score}" if cell.score else "")
                cells.append(element("td", "not kept" if cell.image is None else image(png(cell.image), "png", alt), cell.score))
            lines.append(element("tr", element("th", row.name, scope="row"), *cells))
        if lines:
            tables.append(join((element("h3", group.name), element("div", element("table", *lines, class_="images"), class_="wide"))))
    return join(tables)
