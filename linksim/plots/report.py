"""The report of a replication: one HTML page that holds everything it shows. matplotlib is imported only once something is drawn."""

from collections.abc import Mapping
from pathlib import Path

from linksim.errors import ScenarioError
from linksim.plots.captions import figure_section
from linksim.plots.figures import need_rows, writing
from linksim.plots.html import Markup, document, element, join
from linksim.plots.paired_comparison import paired_comparison
from linksim.plots.policy_groups import policy_groups_of
from linksim.plots.snr_sweep_groups import snr_sweep_groups
from linksim.plots.summary import GroupSummary, ReceiverSummary, adaptation_lines, mean_text, number, percent, share_text, summarise
from linksim.plots.trace_view import read_view
from linksim.scenario.strict_yaml import parse_yaml
from linksim.trace.reader import Trace, open_trace

NOTE = (
    "PSNR and SSIM are means over images, ± half a 95 % interval; accuracy is the share of estimates in which the evaluation classifier "
    "sees the right class, with Wilson's 95 % interval. Intervals count images as independent; images of one frame share its channel, so "
    "under fading or jamming the true ones are wider. Control is the share of all channel uses that control messages took; jammed is the "
    "share of the links' time in which a jammer was on."
)


def write_report(path_of_trace: Path, out_html: Path) -> Path:
    """Write the page, self-contained and the same bytes for the same trace. Raises TraceError for a trace in which nothing was sent."""
    with open_trace(path_of_trace) as trace:
        view = read_view(trace, snr_sweep_groups(trace.scenario_yaml), policy_groups_of(trace.scenario_yaml))
    need_rows(view, path_of_trace)
    with writing(out_html):
        out_html.parent.mkdir(parents=True, exist_ok=True)
        name, about = title_of(trace.scenario_yaml, path_of_trace)
        sections = (
            run_section(trace),
            summary_section(summarise(view), paired_comparison(view)),
            figure_section(view),
            scenario_section(trace.scenario_yaml),
        )
        body = join((header(name, about), *sections))
        out_html.write_text(document(f"{name}: linksim report", body), encoding="utf-8")
    return out_html


def title_of(scenario_yaml: str, path: Path) -> tuple[str, str]:
    """The scenario's name and what it says about itself; the file's name where its text cannot be read."""
    try:
        data = parse_yaml(scenario_yaml, "<trace>").data
    except ScenarioError:
        data = {}
    known = data if isinstance(data, dict) else {}
    return str(known.get("name") or path.stem), str(known.get("description") or "")


def header(name: str, about: str) -> Markup:
    """Name and purpose."""
    return element("header", element("h1", name), element("p", about, class_="description"))


def run_section(trace: Trace) -> Markup:
    """What is needed to run it again, and whether it ran to its end."""
    word, color_of = ("complete", "good") if trace.complete else ("unfinished: the run did not come to its end", "poor")
    state = element("span", word, class_=color_of)
    lines = (("state", state), ("seed", str(trace.seed)), ("fingerprint", element("code", trace.fingerprint or "-")))
    parts = (lines, versions(trace.versions), [(f"model {name}", element("code", digest)) for name, digest in sorted(trace.models.items())])
    pairs = (join((element("dt", term), element("dd", what))) for part in parts for term, what in part)
    return element("section", element("h2", "What was run"), element("dl", *pairs))


def versions(known: Mapping[str, str]) -> list[tuple[str, str]]:
    """One line for all versions."""
    return [("versions", ", ".join(f"{name} {version}" for name, version in known.items()))] if known else []


SCORES = ("images", "PSNR (dB)", "PSNR of mean MSE (dB)", "SSIM", "accuracy")
HEADINGS = ("group", "links", "receiver", *SCORES, "frames decoded", "lost", "control", "jammed_fraction")


def summary_section(summaries: list[GroupSummary], duels: list[str]) -> Markup:
    """The table of groups and receivers, and what is told in lines."""
    words = ("group", "receiver")
    head = element("tr", *(element("th", name, scope="col", class_="word" if name in words else "number") for name in HEADINGS))
    body = join(row for summary in summaries for row in group_rows(summary))
    table = element("div", element("table", element("thead", head), element("tbody", body)), class_="wide")
    chosen = [element("p", line) for line in (*adaptation_lines(summaries), *duels)]
    return element("section", element("h2", "Summary"), table, *chosen, element("p", NOTE, class_="soft"))


def group_rows(summary: GroupSummary) -> list[Markup]:
    """A row for Bob and, where she listens, one for Eve; what belongs to the group spans them."""
    receivers = [("Bob", summary.bob)] + ([("Eve", summary.eve)] if summary.eve else [])
    span = str(len(receivers))
    rows = []
    for place, (name, receiver) in enumerate(receivers):
        cells = [element("td", name, class_="word"), *(element("td", text) for text in receiver_cells(receiver))]
        if place == 0:
            group = element("th", summary.name, scope="rowgroup", rowspan=span, class_="word")
            cells = [group, element("td", f"{summary.links:,}", rowspan=span), *cells]
            own = (f"{summary.decoded:,}", f"{summary.lost:,}", percent(summary.control_share), percent(summary.jam_share))
            cells += [element("td", text, rowspan=span) for text in own]
        rows.append(element("tr", *cells))
    return rows


def receiver_cells(receiver: ReceiverSummary | None) -> tuple[str, ...]:
    """The numbers of one receiver as text."""
    if receiver is None:
        return ("0", "-", "-", "-", "-")
    psnr, ssim = mean_text(receiver.psnr_db, 2), mean_text(receiver.ssim, 3)
    return (f"{receiver.psnr_db.n:,}", psnr, number(receiver.psnr_of_mean_mse_db, 2), ssim, share_text(receiver.accuracy))


def scenario_section(scenario_yaml: str) -> Markup:
    """The text that runs it again."""
    text = element("details", element("summary", "Resolved scenario, every key written out"), element("pre", scenario_yaml))
    return element("section", element("h2", "Scenario"), text)
