"""The figures of a trace, declared with their captions in the order in which they are drawn.

A figure is a component of kind "figure": a function of a `TraceView` that returns a matplotlib figure, or None if the trace has no data for
it. The first line of the docstring of a figure from outside is its title, and the other lines explain it. Figures are imported when they
are first drawn, so that captions are known without matplotlib.

The report prints title and explanation with each figure (`plots.figure_section`); `linksim components figure` lists the titles. A caption
explains what the reader sees without the documentation: every mark, band and abbreviation.
"""

import inspect
from dataclasses import dataclass

from linksim.registry import Component, add


@dataclass(frozen=True)
class Caption:
    """Texts of a figure.

    title        heading, without a full stop
    explanation  how to read the figure, in whole sentences
    absent       why a trace may have no data for the figure, with the option that would provide it
    optional     whether the report leaves the figure out if it has no data; otherwise it prints `absent` in its place
    """

    title: str
    explanation: str
    absent: str = ""
    optional: bool = False


CAPTIONS: dict[str, Caption] = {}


def declare(name: str, function: str, title: str, explanation: str, absent: str, *, optional: bool = False) -> None:
    """Declare a figure of the package.

    name         name of the component and of the file that `linksim plot` writes
    function     import path of the function that draws it, "module:function"
    title, explanation, absent, optional  fields of its `Caption`
    """
    CAPTIONS[name] = Caption(title, explanation, absent, optional)
    add(Component("figure", name, None, function, title))


def caption_of(figure: Component) -> Caption:
    """Return the caption of a figure; for one from outside, from the docstring of its function, or else its name.

    >>> from linksim.registry import components
    >>> [caption_of(figure).title for figure in components("figure") if figure.name == "scores"]
    ['Image quality over SNR']
    """
    if figure.name in CAPTIONS:
        return CAPTIONS[figure.name]
    title, _, explanation = (inspect.getdoc(figure.load()) or figure.name).partition("\n")
    return Caption(title.rstrip("."), " ".join(explanation.split()))


declare(
    "time-series",
    "linksim.plots.time_series:time_series_figure",
    "SNR and image quality over time",
    "The upper panel shows the true SNR at each receiver (solid) and the assumed or estimated SNR (dashed), the lower panel the "
    "PSNR of the images. Up to 4 links of a group have a line each; more links are shown as median and 10-90 % band. The background is "
    "tinted while a jammer is on.",
    "Nothing was sent.",
)
declare(
    "scores",
    "linksim.plots.scores:scores_figure",
    "Image quality over SNR",
    "Each point is the mean over all images whose frames fall into a bin of SNR, with its 95 % interval over independent units: links, "
    "or blocks of time after which the channel is independent; a point of a single unit has none. The bins have equal numbers of "
    "images. The axis is the SINR if there is jamming: the mean jamming power over a frame counts as noise. If the SNR is constant, each "
    "bar is the mean over all images of a receiver.",
    "No image was scored.",
)
declare(
    "compare",
    "linksim.plots.compare:compare_figure",
    "Kinds of link",
    "Each line is one kind of link: the mean over a receiver's images at each SNR, with its 95 % interval over independent units, without "
    "images of jammed frames. An image whose checksum failed is erased and is scored as a grey image.",
    "It needs two kinds of link that differ in more than the SNR, each received at two SNRs or more in frames that were not jammed.",
    optional=True,
)
declare(
    "adaptation",
    "linksim.plots.adaptation:adaptation_figure",
    "Choice of parameters",
    "For one link of each group, the true SNR, the SNR that Bob measures, and the negotiated parameters in force; a cross marks a "
    "request in a lost report. Below, over all links of the group, the reward of Eq. (31) if the source was attacked, and SSIM and "
    "accuracy, each over the images of one window of time.",
    "It needs a group in which Bob chooses negotiated parameters (bob.policy).",
    optional=True,
)
declare(
    "policy-map",
    "linksim.plots.policy_map:policy_map_figure",
    "Policy map",
    "The negotiated parameters that Bob requests over the SNR that he measures: each choice as a dot, the median of each bin of SNR "
    "as a line, and the range from 5 to 95 % of the choices as a band. An oracle uses the true SNR, so measurement errors blur its line.",
    "It needs a group in which Bob chooses negotiated parameters (bob.policy).",
    optional=True,
)
declare(
    "policies",
    "linksim.plots.policies:policies_figure",
    "Policies",
    "Groups that differ only in Bob's policy, with 95 % intervals. Rewards are compared with those of the oracle, or of the first "
    "group if there is no oracle. The comparison is paired, because links of equal index have the same channel and images, so the "
    "interval of the difference is narrower than that of either mean. A difference of fewer than 8 pairs of links has no interval.",
    "It needs two groups that differ only in Bob's policy (bob.policy).",
    optional=True,
)
declare(
    "images",
    "linksim.plots.images:images_figure",
    "Images",
    "The images that Alice sent and the reconstructions of Bob and Eve, with PSNR and SSIM below each reconstruction. If the source "
    "was attacked, Alice sent the attacked images, and the reconstructions are compared with the originals.",
    "No image was stored: trace.images is 0, or no frame was received.",
)
declare(
    "channel",
    "linksim.plots.channel:channel_figure",
    "Radio paths",
    "One link of each group. The upper panel shows the power of the gain relative to its mean, with every other coherence block "
    "tinted; the lower panels show the SNR at every instant, and for each data frame the true SNR (filled) and the receiver's "
    "estimate (hollow), which counts interference as noise.",
    "No path was sampled: trace.channel_samples is 0.",
)
declare(
    "constellation",
    "linksim.plots.constellation:constellation_figure",
    "Constellations",
    "Symbols of the first frames, coloured by the quadrant of the transmitted symbol: as received, with the gain of the path, and "
    "after equalisation. EVM is the power of the error after equalisation divided by the transmitted power.",
    "No symbol was stored: trace.constellation_frames is 0, or no frame was received.",
)
declare(
    "timeline",
    "linksim.plots.timeline:timeline_figure",
    "Transmissions",
    "Each bar is one transmission and each arrow its arrival. Hatched bars were lost or could not be used. Time continues from each "
    "strip to the next.",
    "Nothing was sent.",
)
declare(
    "session",
    "linksim.plots.session:session_figure",
    "Session",
    "Time runs downwards; the number beside a line is the start of the transmission. A dashed arrow with a cross was lost. An arrow "
    "in another colour was received but could not be used, and its label gives the reason. Control messages have the number of "
    "their exchange.",
    "Nothing was sent.",
)
