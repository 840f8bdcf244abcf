"""An Eve who fights back, and what holds against her: tables beyond the paper's, each with what follows from it, by rule.

Her SSIM, image by image, is put on a scale from what the mean face scores (she has learnt nothing) to what the paper's black box scores on
an undefended link of the same SNR (the defence does nothing). Surely above half of the way the defence is broken. Where neither her SSIM
nor her PSNR is surely above the mean face's it holds; in between it leaks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from linksim.papers.miea.experiments import BOTH, OPEN, SNRS_DB, Setup, codec, eavesdropped, inverter, key, words
from linksim.papers.miea.key_learning import MC, Intercepts, Session
from linksim.papers.miea.magnitude_attack import MagnitudeAttack
from linksim.papers.miea.supplementary import MeanFace, SupplementaryTable
from linksim.records import BOB
from linksim.reproduction.paper import Experiment
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import Simulated
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import difference

BLACK = {"attack": "inverse-network", "inverter": inverter(MC, "open")}
CAPTURES = 1000
EARLIER: Mapping[str, tuple[int, ...]] = {"known": (1, 10, 100, 1000), "collects": (0, 100, 300, 1000)}
FEW = 300  # open frames of the Eve who collects: with more she has little to gain
AT_DB = {"known": 10, "collects": 0}
COLUMNS = tuple(f"EC {ec} dB" for ec in SNRS_DB)
ROWS = {kind: {"name": "permutation", "keys": kind} for kind in ("table", "derived")}
HOLDING: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "scrambled": ({"name": "phase-scrambling"},),
    "scrambled-rows": ({"name": "phase-scrambling"}, ROWS["derived"]),
    "constellation": ({"name": "permutation", "granularity": "symbol", "keys": "derived"},),
    "scrambled-symbols": ({"name": "phase-scrambling"}, {"name": "permutation", "granularity": "symbol", "keys": "derived"}),
}
NAMES = {
    "scrambled": "scrambling alone",
    "scrambled-rows": "scrambling over the paper's defence",
    "constellation": "permutation and substitution of symbols",
    "scrambled-symbols": "scrambling over that",
}


def live(setup: Setup, name: str, layers: tuple[Mapping[str, Any], ...], attack: Mapping[str, Any]) -> tuple[Simulated, ...]:
    """A cell of the running link for each SNR of Eve."""
    defence = replace(BOTH, layers=layers)
    made = (eavesdropped(setup, defence, f"{name}/ec{ec}", "jigsaw", MC, ec, attack, (inverter(MC, "open"),)) for ec in SNRS_DB)
    return tuple(made)


def jigsaw(captures: int = CAPTURES) -> dict[str, Any]:
    """The jigsaw in a scenario's words."""
    return BLACK | {"reassembly": "jigsaw", "num_captured_frames": captures}


def fights(setup: Setup) -> SupplementaryTable:
    """Every Eve against the paper's defence, at three SNRs."""
    name, rows, experiments = "fights", list[Row](), list[Experiment]()
    rows.append(_row("undefended, black box", [key(OPEN.table, "black", MC, ec) for ec in SNRS_DB]))
    rows.append(_row("learnt from captures of the defended link", [key(BOTH.table, "black", MC, ec) for ec in SNRS_DB]))
    lines: dict[str, tuple[Experiment, ...]] = {"learnt from captures of the open link": live(setup, f"{name}/open", BOTH.layers, BLACK)}
    for keys, layer in ROWS.items():
        lines[f"jigsaw, {keys} keys"] = live(setup, f"{name}/jigsaw-{keys}", (layer,), jigsaw())
    lines[f"jigsaw learnt from {FEW} open frames, derived keys"] = live(setup, f"{name}/jigsaw-few", (ROWS["derived"],), jigsaw(FEW))
    lines["knows both sets, table keys"] = tuple(_session(setup, name, "sets", "table", ec, 0) for ec in SNRS_DB)
    for keys in ROWS:
        most = EARLIER["known"][-1]
        lines[f"knew {most:,} earlier frames, {keys} keys"] = tuple(_session(setup, name, "known", keys, ec, most) for ec in SNRS_DB)
    for line, cells in lines.items():
        rows.append(_row(line, [cell.key for cell in cells]))
        experiments += cells
    title = f"An Eve who fights back, permutation and substitution of rows, MC {MC} dB"
    return _extra(setup, name, title, COLUMNS, rows, experiments, {row.name: row for row in rows[1:]})


def sessions(setup: Setup, eve: str) -> SupplementaryTable:
    """What earlier frames teach, by their number: quality, and the share of later frames whose order and whose subset she has."""
    columns, ec, rows, experiments = EARLIER[eve], AT_DB[eve], list[Row](), list[Experiment]()
    for keys in ROWS:
        cells = [_session(setup, eve, eve, keys, ec, frames) for frames in columns]
        rows.append(_row(f"{keys} keys", [cell.key for cell in cells]))
        experiments += cells
    does = {"known": "an Eve who knows their content", "collects": f"one who lays them as a jigsaw, learnt from {FEW} open frames"}[eve]
    title = f"What earlier frames teach {does}: later images, shares of their permutations and substitutions known; EC {ec} dB"
    heads = tuple(f"{frames:,} frame{'s' * (frames != 1)}" for frames in columns)
    table = Table(eve, title, heads, tuple(rows), ("psnr_db", "ssim", "orders", "subsets"))
    return SupplementaryTable(table, tuple(experiments))


def holding(setup: Setup) -> SupplementaryTable:
    """Finer grains, against the jigsaw, and Bob under them."""
    name, rows, experiments, verdicts = "holding", list[Row](), list[Experiment](), dict[str, Row]()
    for what, layers in HOLDING.items():
        cells = live(setup, f"{name}/{what}", layers, jigsaw())
        own = Simulated(f"{name}/bob-{what}", "bob", words(setup, layers, MC, codec(MC)), BOB, (codec(MC),))
        verdicts[NAMES[what]] = _row(f"Eve, {NAMES[what]}", [cell.key for cell in cells])
        rows += [verdicts[NAMES[what]], Row(f"Bob, {NAMES[what]}", (Entry(own.key),) * len(COLUMNS))]
        experiments += [*cells, own]
    rotate = [MagnitudeAttack(setup, f"{name}/magnitudes/ec{ec}", ec) for ec in SNRS_DB]
    verdicts["scrambling alone, magnitudes read"] = _row("Eve, phase-scrambling alone, reads magnitudes", [cell.key for cell in rotate])
    rows.append(verdicts["scrambling alone, magnitudes read"])
    experiments += rotate
    rows.append(Row("Bob, undefended", (Entry(key(OPEN.table, "bob", MC)),) * len(COLUMNS)))
    return _extra(
        setup, name, f"Defences of a finer grain against the jigsaw, derived keys, MC {MC} dB", COLUMNS, rows, experiments, verdicts
    )


def _session(setup: Setup, table: str, eve: str, keys: str, ec: int, frames: int) -> Intercepts:
    name = f"{table}/{eve}-{keys}/n{frames}/ec{ec}"
    return Intercepts(name, Session(setup, keys, ec), eve, frames, FEW if eve == "collects" else CAPTURES)


def _row(name: str, keys: Sequence[str]) -> Row:
    return Row(name, tuple(map(Entry, keys)))


def _extra(
    setup: Setup,
    name: str,
    title: str,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    experiments: Sequence[Experiment],
    verdicts: Mapping[str, Row],
) -> SupplementaryTable:
    blind = MeanFace(setup).key
    remarks = tuple(partial(_finding, defence, tuple(entry.key for entry in row.entries), blind) for defence, row in verdicts.items())
    return SupplementaryTable(Table(name, title, columns, tuple(rows), remarks=remarks), tuple(experiments))


def _finding(defence: str, keys: tuple[str, ...], blind: str, results: ResultStore) -> str:
    """One sentence on a row, such as "jigsaw, table keys: broken (EC 0 dB 92 %, ... of the way)"; empty where cells are missing."""
    opens = [key(OPEN.table, "black", MC, ec) for ec in SNRS_DB]
    if any(cell not in results for cell in (*keys, *opens, blind)):
        return ""
    words_, shares = [], []
    floor = results[blind].samples["ssim"]
    for cell, top in zip(keys, opens, strict=True):
        seen, whole = results[cell].samples["ssim"], results[top].samples["ssim"]
        above = difference(seen, floor)
        brighter = difference(results[cell].samples["psnr_db"], results[blind].samples["psnr_db"])
        broken, leaks = difference(seen, (floor + whole) / 2).low > 0, above.low > 0 or brighter.low > 0
        words_.append("broken" if broken else "leaks" if leaks else "holds")
        shares.append(f"{100 * above.value / difference(whole, floor).value:.0f} %")
    same = len(set(words_)) == 1
    found = zip(SNRS_DB, words_, shares, strict=True)
    by_snr = ", ".join(f"EC {ec} dB {share if same else f'{word} {share}'}" for ec, word, share in found)
    return f"{defence}: {words_[0] if same else 'not alike at all SNRs'} ({by_snr} of the way)"


FIGHTS: tuple[Callable[[Setup], SupplementaryTable], ...] = (
    fights,
    partial(sessions, eve="known"),
    partial(sessions, eve="collects"),
    holding,
)
