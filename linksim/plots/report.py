"""The report of a run: one self-contained HTML page, with the run's metadata, the summary, all figures and the resolved scenario.

The page needs no other file and no network, and can be sent to readers without linksim. Its numbers are those of
`plots.summary`. matplotlib is imported only when a figure is drawn.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from linksim.errors import ScenarioError
from linksim.files import atomic_write
from linksim.outputs import REPORT, require_replaceable
from linksim.plots.decorrelation import block_lengths
from linksim.plots.figure_section import figure_section
from linksim.plots.figures import require_transmissions, wrap_write_errors
from linksim.plots.html import Markup, document, element, join
from linksim.plots.notices import notices
from linksim.plots.number_text import interval_text, mean_text, number, percent, share_text
from linksim.plots.paired_comparison import paired_comparison
from linksim.plots.policy_groups import policy_groups_of
from linksim.plots.snr_sweep_groups import snr_sweep_groups
from linksim.plots.summary import GroupSummary, ReceiverSummary, adaptation_lines, images_text, metric_names, summarise
from linksim.plots.trace_view import read_view
from linksim.scenario.strict_yaml import parse_yaml
from linksim.trace.reader import Trace, open_trace

NOTE = (
    "PSNR and SSIM are means over images, ± half a 95 % interval. Further metrics are means with their 95 % interval. Accuracy is the "
    "fraction of reconstructions whose class, according to the evaluation classifier, is correct, with its 95 % interval. All intervals "
    "are bootstraps over independent units, whose number is given: the links if there are at least 8, otherwise blocks of time of each "
    "link, after which its channel is independent. Images of one unit may depend on each other, because they share channel and jamming. "
    "Control is the fraction of the channel uses that belong to control messages; jammed is the fraction of the links' time during which "
    "a jammer was on."
)


def write_report(path_of_trace: Path, out_html: Path) -> Path:
    """Write the report and return its path. Equal traces give equal bytes.

    path_of_trace  file of the trace
    out_html       file of the report, which replaces an earlier report; its folder is created if necessary

    The file appears complete or not at all. Raises TraceError if the trace cannot be read or nothing was sent in it, LinksimError if
    `out_html` is another file, such as the trace, or cannot be written.
    """
    require_replaceable(out_html, REPORT)
    with open_trace(path_of_trace) as trace:
        text = trace.scenario_yaml
        view = read_view(trace, snr_sweep_groups(text), policy_groups_of(text), trace.complete, block_lengths(text))
    require_transmissions(view, path_of_trace)
    with wrap_write_errors(out_html):
        out_html.parent.mkdir(parents=True, exist_ok=True)
        name, description = title_of(trace.scenario_yaml, path_of_trace)
        sections = (
            run_section(trace),
            summary_section(summarise(view), paired_comparison(view)),
            figure_section(view),
            scenario_section(trace.scenario_yaml),
        )
        warnings = element("section", *(element("p", line, class_="poor") for line in lines)) if (lines := notices(view)) else join(())
        body = join((header(name, description), warnings, *sections))
        with atomic_write(out_html) as temporary:
            temporary.write_text(document(f"{name}: linksim report", body, REPORT), encoding="utf-8")
    return out_html


def title_of(scenario_yaml: str, path: Path) -> tuple[str, str]:
    """Return name and description of the scenario; the name of the file if the scenario has none or cannot be parsed."""
    try:
        data = parse_yaml(scenario_yaml, "<trace>").data
    except ScenarioError:
        data = {}
    known = data if isinstance(data, dict) else {}
    return str(known.get("name") or path.stem), str(known.get("description") or "")


def header(name: str, description: str) -> Markup:
    """Return the heading of the page: name and description of the scenario."""
    return element("header", element("h1", name), element("p", description, class_="description"))


def run_section(trace: Trace) -> Markup:
    """Return the section about the run: whether it ended normally, seed, fingerprint, versions, and digests of the trained models."""
    text, class_ = ("complete", "good") if trace.complete else ("unfinished: the run did not end normally", "poor")
    state = element("span", text, class_=class_)
    lines = (("state", state), ("seed", str(trace.seed)), ("fingerprint", element("code", trace.fingerprint or "-")))
    parts = (lines, versions(trace.versions), [(f"model {name}", element("code", digest)) for name, digest in sorted(trace.models.items())])
    pairs = (join((element("dt", term), element("dd", value))) for part in parts for term, value in part)
    return element("section", element("h2", "Run"), element("dl", *pairs))


def versions(known: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return one line with the versions of linksim and its libraries, as (term, text); no line if the trace has none."""
    return [("versions", ", ".join(f"{name} {version}" for name, version in known.items()))] if known else []


QUALITY = ("group", "links", "receiver", "images", "units", "PSNR (dB)", "PSNR of mean MSE (dB)", "SSIM")  # before the metrics
REMAINING = ("accuracy", "frames decoded", "lost", "control", "jammed")  # headings after those of the metrics


def summary_section(summaries: list[GroupSummary], comparisons: list[str]) -> Markup:
    """Return the section with the table of groups and receivers, and the lines below it.

    summaries    summary of each group
    comparisons  lines of the paired comparison of policies
    """
    words, metrics = ("group", "receiver"), metric_names(summaries)
    headings = (*QUALITY, *metrics, *REMAINING)
    head = element("tr", *(element("th", name, scope="col", class_="word" if name in words else "number") for name in headings))
    body = join(row for summary in summaries for row in group_rows(summary, metrics))
    table = element("div", element("table", element("thead", head), element("tbody", body)), class_="wide")
    lines = [element("p", line) for line in (*adaptation_lines(summaries), *comparisons)]
    return element("section", element("h2", "Summary"), table, *lines, element("p", NOTE, class_="soft"))


def group_rows(summary: GroupSummary, metrics: Sequence[str]) -> list[Markup]:
    """Return a row for Bob and, if she receives, one for Eve; the values of the group span both. `metrics` have a column each."""
    receivers = [("Bob", summary.bob)] + ([("Eve", summary.eve)] if summary.eve else [])
    span = str(len(receivers))
    rows = []
    for place, (name, receiver) in enumerate(receivers):
        cells = [element("td", name, class_="word"), *(element("td", text) for text in receiver_cells(receiver, metrics))]
        if place == 0:
            group = element("th", summary.name, scope="rowgroup", rowspan=span, class_="word")
            cells = [group, element("td", f"{summary.links:,}", rowspan=span), *cells]
            own = (f"{summary.decoded:,}", f"{summary.lost:,}", percent(summary.control_share), percent(summary.jam_share))
            cells += [element("td", text, rowspan=span) for text in own]
        rows.append(element("tr", *cells))
    return rows


def receiver_cells(receiver: ReceiverSummary | None, metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers of one receiver as text, from "images" to "accuracy", with those of `metrics`."""
    if receiver is None:
        return ("0", "0", "-", "-", "-", *("-" for _ in metrics), "-")
    psnr, ssim = mean_text(receiver.psnr_db, 2), mean_text(receiver.ssim, 3)
    counts = images_text(receiver), f"{receiver.units:,}"
    means = (interval_text(receiver.metrics[name], 3) for name in metrics)
    return (*counts, psnr, number(receiver.psnr_of_mean_mse_db, 2), ssim, *means, share_text(receiver.accuracy))


def scenario_section(scenario_yaml: str) -> Markup:
    """Return the section with the scenario that repeats the run."""
    text = element("details", element("summary", "Resolved scenario with all defaults"), element("pre", scenario_yaml))
    return element("section", element("h2", "Scenario"), text)
