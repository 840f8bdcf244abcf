"""Output of a reproduction: tables.md, claims.md, claims.csv and figures in the paper's folder, and the same text for a terminal.

    tables.md   the paper's tables and the supplementary ones, measured values with intervals beside the paper's
    claims.md   every claim with its verdict, reason, number of samples, tolerance, and the scores of the controls
    claims.csv  the same, one row per claim (`COLUMNS`)

All pages follow from the kept results alone, so that equal results give equal files.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from linksim.files import atomic_write
from linksim.reproduction import tables
from linksim.reproduction.claims import figure, shown
from linksim.reproduction.paper import Paper
from linksim.reproduction.results import ResultStore
from linksim.reproduction.verdicts import UNMEASURED, ClaimVerdict

COLUMNS = (
    *("id", "where", "kind", "quantity", "measured", "paper", "tolerance", "ours", "n", "min_n"),
    *("verdict", "score", "controls", "reason"),
)


def tables_text(paper: Paper, results: ResultStore) -> str:
    """All tables as aligned text."""
    return "\n\n".join(tables.text(table, results) for table in paper.tables())


def verdicts_text(verdicts: Sequence[ClaimVerdict]) -> str:
    """One line per verdict: claim, verdict, reason, and the measured values where they are short."""
    id_width, word_width = max(len(v.claim.id) for v in verdicts), max(len(v.finding.word) for v in verdicts)
    return "\n".join(f"{v.claim.id:{id_width}}  {v.finding.word:{word_width}}  {_short_reason(v)}" for v in verdicts)


def _short_reason(verdict: ClaimVerdict) -> str:
    """The reason, with the measured values unless they are a whole table, and with the score of an order or a shape."""
    ours = verdict.finding.ours if verdict.claim.value is None or isinstance(verdict.claim.value, str) else ""
    return "; ".join(text for text in (verdict.finding.reason, ours, scores_text(verdict)) if text)


def scores_text(verdict: ClaimVerdict) -> str:
    """The score of an order or a shape beside those of its controls: "score 0.90; controls: random -0.02, ..."; empty without controls."""
    controls = ", ".join(f"{name} {figure(control.score)} ({control.word})" for name, control in verdict.controls.items())
    return f"score {figure(verdict.finding.score)}; controls: {controls}" if controls else ""


def summary(verdicts: Sequence[ClaimVerdict]) -> str:
    """Counts as text: "13 claims, 11 measured: 8 reproduced, 2 undecided, 1 not comparable"."""
    counts = Counter(verdict.finding.word for verdict in verdicts)
    unmeasured = counts.pop(UNMEASURED, 0)
    words = ": " + ", ".join(f"{count} {word}" for word, count in counts.most_common()) if counts else ""
    return f"{len(verdicts)} claim{'s' * (len(verdicts) != 1)}, {len(verdicts) - unmeasured} measured{words}"


def write(paper: Paper, results: ResultStore, verdicts: Sequence[ClaimVerdict]) -> list[str]:
    """Write all pages, the export of the results and the figures. -> one line per file: what was written and what was left as it is."""
    folder, claims = results.folder, paper.claims
    folder.mkdir(parents=True, exist_ok=True)
    head = [f"# {claims.title}: tables", "", *(f"- {note}" for note in paper.notes()), ""]
    with atomic_write(folder / "tables.md") as temporary:
        temporary.write_text("\n".join([*head, *(tables.markdown(table, results) for table in paper.tables())]), encoding="utf-8")
    with atomic_write(folder / "claims.md") as temporary:
        temporary.write_text(claims_page(claims.title, verdicts), encoding="utf-8")
    with atomic_write(folder / "claims.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(verdict) for verdict in verdicts)
    exported, figures = results.export(), paper.figures(results)
    written: list[Path] = [*(folder / name for name in ("tables.md", "claims.md", "claims.csv")), *([exported] if exported else [])]
    kept = f"not drawn again: its images are not in {folder / 'images'}, or have other random draws"
    return [*(f"wrote    {path}" for path in (*written, *figures.drawn)), *(f"kept     {path}, {kept}" for path in figures.skipped)]


def _row(verdict: ClaimVerdict) -> tuple[str | int, ...]:
    claim, finding = verdict.claim, verdict.finding
    stated = (claim.id, claim.where, claim.kind, claim.quantity, verdict.how, shown(claim.value), shown(claim.tolerance))
    controls = ", ".join(f"{name} {figure(control.score)}" for name, control in verdict.controls.items())
    score = figure(finding.score) if verdict.controls else ""
    return (*stated, finding.ours, finding.n, claim.min_n or "", finding.word, score, controls, finding.reason)


def claims_page(title: str, verdicts: Sequence[ClaimVerdict]) -> str:
    """Markdown: a table of verdicts, then each claim in full."""
    lines = [f"# {title}: claims", "", f"{summary(verdicts)}.", "", "| claim | kind | verdict |", "| --- | --- | --- |"]
    lines += [f"| [{v.claim.id}](#{v.claim.id}) | {v.claim.kind} | {v.finding.word} |" for v in verdicts]
    for verdict in verdicts:
        claim, finding = verdict.claim, verdict.finding
        items = {
            "verdict": f"**{finding.word}**, {finding.reason}",
            "paper": shown(claim.value),
            "ours": finding.ours,
            "tolerance": shown(claim.tolerance),
            "n": f"{finding.n:,}, at least {claim.min_n:,}" if finding.n and claim.min_n else f"{finding.n:,}" if finding.n else "",
            "score": scores_text(verdict).removeprefix("score "),
            "measured": verdict.how,
        }
        lines += ["", f"## {claim.id}", "", f"{claim.where}, {claim.kind}: {claim.quantity}.", ""]
        lines += [f"- {name}: {text}" for name, text in items.items() if text]
    return "\n".join([*lines, ""])
