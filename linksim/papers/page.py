"""What is printed and written of a paper: tables.md, claims.md and claims.csv in its folder, and the same as plain text."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from linksim.papers import tables
from linksim.papers.cells import Shelf
from linksim.papers.claims import shown
from linksim.papers.paper import Paper
from linksim.papers.verdicts import UNMEASURED, Judged

COLUMNS = ("id", "where", "kind", "quantity", "measured", "paper", "ours", "n", "verdict", "reason")


def tables_text(paper: Paper, shelf: Shelf) -> str:
    """All tables, for a terminal."""
    return "\n\n".join(tables.text(table, shelf) for table in paper.tables())


def verdicts_text(verdicts: Sequence[Judged]) -> str:
    """A verdict a line: id, word, reason, our figures where they are short."""
    wide, word = max(len(j.claim.id) for j in verdicts), max(len(j.finding.word) for j in verdicts)
    return "\n".join(f"{j.claim.id:{wide}}  {j.finding.word:{word}}  {_in_short(j)}" for j in verdicts)


def _in_short(judged: Judged) -> str:
    """The reason, with our figures where they are not a whole table."""
    ours, reason = judged.finding.ours, judged.finding.reason
    short = judged.claim.value is None or isinstance(judged.claim.value, str)
    return f"{reason}; {ours}" if ours and short else reason


def summary(verdicts: Sequence[Judged]) -> str:
    """ "13 claims, 11 decided: 8 reproduced, 2 beaten, 1 not comparable"."""
    counts = Counter(judged.finding.word for judged in verdicts)
    undecided = counts.pop(UNMEASURED, 0)
    words = ": " + ", ".join(f"{count} {word}" for word, count in counts.most_common()) if counts else ""
    return f"{len(verdicts)} claims, {len(verdicts) - undecided} decided{words}"


def write(paper: Paper, shelf: Shelf, verdicts: Sequence[Judged]) -> list[Path]:
    """Write all pages and figures into the shelf's folder."""
    folder, claims = shelf.folder, paper.claims
    folder.mkdir(parents=True, exist_ok=True)
    head = [f"# {claims.title}: tables", "", *(f"- {note}" for note in paper.notes()), ""]
    (folder / "tables.md").write_text("\n".join([*head, *(tables.markdown(table, shelf) for table in paper.tables())]), encoding="utf-8")
    (folder / "claims.md").write_text(claims_page(claims.title, verdicts), encoding="utf-8")
    with (folder / "claims.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(judged) for judged in verdicts)
    return [*(folder / name for name in ("tables.md", "claims.md", "claims.csv")), *paper.figures(shelf)]


def _row(judged: Judged) -> tuple[str | int, ...]:
    claim, found = judged.claim, judged.finding
    about = (claim.id, claim.where, claim.kind, claim.quantity, judged.how)
    return (*about, shown(claim.value), found.ours, found.n, found.word, found.reason)


def claims_page(title: str, verdicts: Sequence[Judged]) -> str:
    """Markdown: a table of verdicts, then each claim in full."""
    lines = [f"# {title}: claims", "", f"{summary(verdicts)}.", "", "| claim | kind | verdict |", "| --- | --- | --- |"]
    lines += [f"| [{j.claim.id}](#{j.claim.id}) | {j.claim.kind} | {j.finding.word} |" for j in verdicts]
    for judged in verdicts:
        claim, found = judged.claim, judged.finding
        about = {
            "verdict": f"**{found.word}**, {found.reason}",
            "paper": shown(claim.value),
            "ours": found.ours,
            "images": f"{found.n:,}" if found.n else "",
            "measured": judged.how,
        }
        lines += ["", f"## {claim.id}", "", f"{claim.where}, {claim.kind}: {claim.quantity}.", ""]
        lines += [f"- {name}: {said}" for name, said in about.items() if said]
    return "\n".join([*lines, ""])
