"""Output of a reproduction: tables.md, claims.md, claims.csv and figures in the paper's folder, and the same text for a terminal."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from linksim.reproduction import tables
from linksim.reproduction.claims import shown
from linksim.reproduction.paper import Paper
from linksim.reproduction.results import ResultStore
from linksim.reproduction.verdicts import UNMEASURED, ClaimVerdict

COLUMNS = ("id", "where", "kind", "quantity", "measured", "paper", "ours", "n", "verdict", "reason")


def tables_text(paper: Paper, results: ResultStore) -> str:
    """All tables as aligned text."""
    return "\n\n".join(tables.text(table, results) for table in paper.tables())


def verdicts_text(verdicts: Sequence[ClaimVerdict]) -> str:
    """One line per verdict: claim, verdict, reason, and the measured values where they are short."""
    id_width, word_width = max(len(v.claim.id) for v in verdicts), max(len(v.finding.word) for v in verdicts)
    return "\n".join(f"{v.claim.id:{id_width}}  {v.finding.word:{word_width}}  {_short_reason(v)}" for v in verdicts)


def _short_reason(verdict: ClaimVerdict) -> str:
    """The reason, with the measured values unless they are a whole table."""
    ours, reason = verdict.finding.ours, verdict.finding.reason
    short = verdict.claim.value is None or isinstance(verdict.claim.value, str)
    return f"{reason}; {ours}" if ours and short else reason


def summary(verdicts: Sequence[ClaimVerdict]) -> str:
    """Counts as text: "13 claims, 11 decided: 8 reproduced, 2 beaten, 1 not comparable"."""
    counts = Counter(verdict.finding.word for verdict in verdicts)
    undecided = counts.pop(UNMEASURED, 0)
    words = ": " + ", ".join(f"{count} {word}" for word, count in counts.most_common()) if counts else ""
    return f"{len(verdicts)} claims, {len(verdicts) - undecided} decided{words}"


def write(paper: Paper, results: ResultStore, verdicts: Sequence[ClaimVerdict]) -> list[str]:
    """Write all pages, the export of the results and the figures. -> one line per file: what was written and what was left as it is."""
    folder, claims = results.folder, paper.claims
    folder.mkdir(parents=True, exist_ok=True)
    head = [f"# {claims.title}: tables", "", *(f"- {note}" for note in paper.notes()), ""]
    (folder / "tables.md").write_text("\n".join([*head, *(tables.markdown(table, results) for table in paper.tables())]), encoding="utf-8")
    (folder / "claims.md").write_text(claims_page(claims.title, verdicts), encoding="utf-8")
    with (folder / "claims.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(verdict) for verdict in verdicts)
    exported, figures = results.export(), paper.figures(results)
    written: list[Path] = [*(folder / name for name in ("tables.md", "claims.md", "claims.csv")), *([exported] if exported else [])]
    kept = f"not drawn again: its images are not in {folder / 'images'}, or have other random draws"
    return [*(f"wrote    {path}" for path in (*written, *figures.drawn)), *(f"kept     {path}, {kept}" for path in figures.skipped)]


def _row(verdict: ClaimVerdict) -> tuple[str | int, ...]:
    claim, finding = verdict.claim, verdict.finding
    stated = (claim.id, claim.where, claim.kind, claim.quantity, verdict.how)
    return (*stated, shown(claim.value), finding.ours, finding.n, finding.word, finding.reason)


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
            "images": f"{finding.n:,}" if finding.n else "",
            "measured": verdict.how,
        }
        lines += ["", f"## {claim.id}", "", f"{claim.where}, {claim.kind}: {claim.quantity}.", ""]
        lines += [f"- {name}: {text}" for name, text in items.items() if text]
    return "\n".join([*lines, ""])
