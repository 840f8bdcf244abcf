"""Figures of the Eve who suspects a hidden image: how well she detects containers, and what she reveals from chosen pairs.

detection.png  area under the ROC curve against the number of labelled frames, a panel per SNR; the energy detector has none
reveal.png     PSNR and FPESR of her private images against the number of chosen pairs, a panel per SNR: by regression and by a network
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from linksim.papers.covert import detection, reveal, reveal_network
from linksim.papers.covert.claim_checks import CHANCE, share
from linksim.papers.covert.experiments import HIDERS, PERSON, SUSPECTED_DB
from linksim.plots.plot_style import plot_style, save
from linksim.plots.sweeps import SweepLine, SweepPanel, sweep_figure
from linksim.reproduction.paper import Figures
from linksim.reproduction.results import ResultStore
from linksim.statistics import Interval

AREA_LIMITS, SHARE_LIMITS, PSNR_MARGIN_DB = (0.38, 1.03), (-0.04, 1.04), 1.0  # of the y axes
SHIFT, X_MARGIN = 0.03, 0.2  # of the points of neighbouring lines, so that none hides another; beyond the outer points
X_LABEL = "labelled frames; without any: energy detector"
UNRELATED = "the host itself, an unrelated face"
CHANCE_AREA = Interval(0.5, 0.5, 0.5, 0)


def all_figures(results: ResultStore) -> Figures:
    """Draw the figures of which at least one value is measured."""
    return detected(results) + revealed(results)


def detected(results: ResultStore) -> Figures:
    """detection.png: area under the ROC curve against the number of labelled frames, one line per hider, a panel per SNR."""
    rows, places = [area_lines(results, snr_db) for snr_db in SUSPECTED_DB], places_of(detection.FRAMES)
    if not any(rows):
        return Figures()
    panels = [
        SweepPanel(f"AWGN {snr_db} dB", "area under the ROC curve", (level("chance", CHANCE_AREA, places), *lines), X_LABEL)
        for snr_db, lines in zip(SUSPECTED_DB, rows, strict=True)
    ]
    names = {place: f"{frames:,}" if frames else "none" for frames, place in places.items()}
    path = results.folder / "detection.png"
    return Figures(drawn=(drawn("Detection of containers", panels, [AREA_LIMITS] * len(panels), names, path),))


def area_lines(results: ResultStore, snr_db: int) -> list[SweepLine]:
    """Return the lines of a panel of detection.png: one per hider that is measured, without a stroke from the energy detector on."""
    places, lines = places_of(detection.FRAMES), list[SweepLine]()
    for number, link in enumerate(detection.LINKS):
        for trained in (False, True):
            keys = {frames: detection.detection(link, frames) for frames in detection.FRAMES if (frames > 0) == trained}
            known = {places[frames]: detection.area(results[name], snr_db) for frames, name in keys.items() if name in results}
            lines += line(number, link, known)
    return lines


def revealed(results: ResultStore) -> Figures:
    """reveal.png: PSNR and FPESR of Eve's private images against the number of chosen pairs, one line per hider, a panel per SNR."""
    panels, limits = list[SweepPanel](), list[tuple[float, float]]()
    for means in (by_regression, by_network):
        for metric, quantity in (("psnr_db", "PSNR (dB)"), (PERSON, "FPESR")):
            rows = [reveal_lines(results, metric, *means(snr_db)) for snr_db in SUSPECTED_DB]
            if not any(rows):
                continue
            values = [value.value for lines in rows for one in lines for value in one.values]
            limits += [SHARE_LIMITS if metric == PERSON else (min(values) - PSNR_MARGIN_DB, max(values) + PSNR_MARGIN_DB)] * len(rows)
            panels += [
                SweepPanel(f"{MEANS[means]}, {snr_db} dB", quantity, tuple(lines), "chosen pairs")
                for snr_db, lines in zip(SUSPECTED_DB, rows, strict=True)
            ]
    if not panels:
        return Figures()
    names = {place: f"{pairs:,}" for pairs, place in places_of(reveal.CHOSEN_PAIRS).items()}
    path = results.folder / "reveal.png"
    return Figures(drawn=(drawn("Eve's private image from chosen pairs, AWGN", panels, limits, names, path),))


def by_regression(snr_db: int) -> tuple[Callable[[str, int], str], str]:
    """Return the key of a regression by link and number of pairs at an SNR, and the prefix of its metrics."""
    return lambda link, pairs: reveal.revealed(link, snr_db, pairs), reveal.VIEW


def by_network(snr_db: int) -> tuple[Callable[[str, int], str], str]:
    """Return the same of a trained network."""
    return reveal_network.network_reveal, f"snr{snr_db}:"


MEANS = {by_regression: "regression", by_network: "network"}


def reveal_lines(results: ResultStore, metric: str, of: Callable[[str, int], str], prefix: str) -> list[SweepLine]:
    """Return the lines of a panel of reveal.png: that of an unrelated face, and one per hider that is measured.

    metric  "psnr_db" or `PERSON`, a share with Wilson's interval
    of      key of an experiment by link and number of pairs
    prefix  of its metrics
    """

    def interval(name: str, metric: str) -> Interval:
        return share(results[name].samples[metric]) if metric.endswith(PERSON) else results[name].interval(metric)

    places, lines = places_of(reveal.CHOSEN_PAIRS), list[SweepLine]()
    for number, link in enumerate(detection.LINKS):
        keys = {pairs: of(link, pairs) for pairs in reveal.chosen_pairs(link)}
        found = {places[pairs]: interval(name, f"{prefix}{metric}") for pairs, name in keys.items() if name in results}
        lines += line(number, link, found)
    unrelated = [level(UNRELATED, interval(CHANCE, f"{reveal.VIEW}{metric}"), places)] if CHANCE in results else []
    return [*unrelated, *lines] if lines else []


def line(number: int, link: str, known: Mapping[float, Interval]) -> list[SweepLine]:
    """Return the line of a link, an empty list where nothing is measured.

    number  place of the link among those of the figure
    known   measured values by abscissa
    """
    shift = SHIFT * (number - (len(detection.LINKS) - 1) / 2)
    return [SweepLine(HIDERS[link].name, tuple(place + shift for place in known), tuple(known.values()))] if known else []


def level(label: str, value: Interval, places: Mapping[int, float]) -> SweepLine:
    """Return a horizontal line over all places."""
    return SweepLine(label, tuple(places.values()), (value,) * len(places))


def places_of(counts: Sequence[int]) -> dict[int, float]:
    """Return the abscissa of ascending numbers, by number: the logarithm to base 10, and for 0 one less than for the smallest other one.

    >>> places_of((0, 100, 1_000))
    {0: 1.0, 100: 2.0, 1000: 3.0}
    """
    least = math.log10(min(count for count in counts if count))
    return {count: math.log10(count) if count else least - 1.0 for count in counts}


@plot_style()
def drawn(title: str, panels: Sequence[SweepPanel], limits: Sequence[tuple[float, float]], names: Mapping[float, str], path: Path) -> Path:
    """Draw a figure with a row of panels for each quantity, and return its file.

    title   title of the figure
    panels  one per SNR, row by row
    limits  of the y axis of each panel
    names   text on the x axes by abscissa
    """
    figure = sweep_figure(title, panels, columns=len(SUSPECTED_DB))
    for axis, of_axis in zip(figure.axes, limits, strict=True):
        axis.set_xticks(list(names), list(names.values()))
        axis.set_xlim(min(names) - X_MARGIN, max(names) + X_MARGIN)
        axis.set_ylim(*of_axis)
    return save(figure, path)
