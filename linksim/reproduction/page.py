"""What is printed and written of a paper: tables.md, claims.md and claims.csv in its folder, and the same as plain text."""

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
    """All tables, for a terminal."""
    return "\n\n".join(tables.text(table, results) for table in paper.tables())


def verdicts_text(verdicts: Sequence[ClaimVerdict]) -> str:
    """A verdict a line: id, word, reason, our figures where they are short."""
    wide, word = max(len(j.claim.id) for j in verdicts), max(len(j.finding.word) for j in verdicts)
    return "\n".join(f"{j.claim.id:{wide}}  {j.finding.word:{word}}  {_in_short(j)}" for j in verdicts)


def _in_short(verdicts: ClaimVerdict) -> str:
    """The reason, with our figures where they are not a whole table."""
    ours, reason = verdicts.finding.ours, verdicts.finding.reason
    short = verdicts.claim.value is None or isinstance(verdicts.claim.value, str)
    return f"{reason}; {ours}" if ours and short else reason


def summary(verdicts: Sequence[ClaimVerdict]) -> str:
    """ "13 claims, 11 decided: 8 reproduced, 2 beaten, 1 not comparable"."""
    counts = Counter(verdicts.finding.word for verdicts in verdicts)
    undecided = counts.pop(UNMEASURED, 0)
    words = ": " + ", ".join(f"{count} {word}" for word, count in counts.most_common()) if counts else ""
    return f"{len(verdicts)} claims, {len(verdicts) - undecided} decided{words}"


def write(paper: Paper, results: ResultStore, verdicts: Sequence[ClaimVerdict]) -> list[Path]:
    """Write all pages and figures into the shelf's folder."""
    folder, claims = results.folder, paper.claims
    folder.mkdir(parents=True, exist_ok=True)
    head = [f"# {claims.title}: tables", "", *(f"- {note}" for note in paper.notes()), ""]
    (folder / "tables.md").write_text("\n".join([*head, *(tables.markdown(table, results) for table in paper.tables())]), encoding="utf-8")
    (folder / "claims.md").write_text(claims_page(claims.title, verdicts), encoding="utf-8")
    with (folder / "claims.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(verdicts) for verdicts in verdicts)
    return [*(folder / name for name in ("tables.md", "claims.md", "claims.csv")), *paper.figures(results)]


def _row(verdicts: ClaimVerdict) -> tuple[str | int, ...]:
    claim, found = verdicts.claim, verdicts.finding
    about = (claim.id, claim.where, claim.kind, claim.quantity, verdicts.how)
    return (*about, shown(claim.value), found.ours, found.n, found.word, found.reason)


def claims_page(title: str, verdicts: Sequence[ClaimVerdict]) -> str:
    """Markdown: a table of verdicts, then each claim in full."""
    lines = [f"# {title}: claims", "", f"{summary(verdicts)}.", "", "| claim | kind | verdict |", "| --- | --- | --- |"]
    lines += [f"| [{j.claim.id}](#{j.claim.id}) | {j.claim.kind} | {j.finding.word} |" for j in verdicts]
    for verdict in verdicts:
        claim, found = verdict.claim, verdict.finding
        about = {
            "verdict": f"**{found.word}**, {found.reason}",
            "paper": shown(claim.value),
            "ours": found.ours,
            "images": f"{found.n:,}" if found.n else "",
            "measured": verdict.how,
        }
        lines += ["", f"## {claim.id}", "", f"{claim.where}, {claim.kind}: {claim.quantity}.", ""]
        lines += [f"- {name}: {said}" for name, said in about.items() if said]
    return "\n".join([*lines, ""])
