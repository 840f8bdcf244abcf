"""Supplementary tables on an Eve who adapts to the defence, and on the defences that withstand her.

A rule derives the remark on each row. Eve's SSIM, image by image, is placed on a scale from the SSIM of the mean face (she has learnt
nothing) to that of the paper's black box on an undefended link of the same SNR (the defence has no effect). The defence is "broken" if her
SSIM is significantly above half of this scale; it "holds" if neither her SSIM nor her PSNR is significantly above the mean face's;
otherwise it "leaks".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from linksim.papers.miea.experiments import ADAPTIVE_MC_DB as MC
from linksim.papers.miea.experiments import BOTH, OPEN, PAIR, SNRS_DB, Setup, at_bob, codec, eavesdropped, inverter, key, options
from linksim.papers.miea.magnitude_attack import MagnitudeAttack
from linksim.papers.miea.supplementary import MeanFace, SupplementaryTable
from linksim.reproduction.paper import Experiment
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import KEY_METRICS, PIXEL_METRICS, Simulated
from linksim.reproduction.statements import difference
from linksim.reproduction.tables import Entry, Row, Table

BLACK = {"attack": "inverse-network", "inverter": inverter(MC, "open")}
CAPTURES = 1000
EARLIER_FRAMES: Mapping[str, tuple[int, ...]] = {"known-plaintext": (1, 10, 100, 1000), "ciphertext-only": (0, 100, 300, 1000)}
FEW_CAPTURES = 300  # open frames of the ciphertext-only attacker, whose gain from earlier frames is small with more
AT_DB = {"known-plaintext": 10, "ciphertext-only": 0}  # SNR of the EC in these tables
COLUMNS = tuple(f"EC {ec} dB" for ec in SNRS_DB)
ROW_LAYERS = {kind: {"name": "permutation", "keys": kind} for kind in ("transmitted", "derived")}
FINER_DEFENCES: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "scrambled": ({"name": "phase-scrambling"},),
    "scrambled-rows": ({"name": "phase-scrambling"}, ROW_LAYERS["derived"]),
    "symbols": ({"name": "permutation", "granularity": "symbol", "keys": "derived"},),
    "scrambled-symbols": ({"name": "phase-scrambling"}, {"name": "permutation", "granularity": "symbol", "keys": "derived"}),
}
NAMES = {
    "scrambled": "phase scrambling alone",
    "scrambled-rows": "phase scrambling over the paper's defence",
    "symbols": "permutation and substitution of symbols",
    "scrambled-symbols": "phase scrambling over that",
}


def simulated(setup: Setup, name: str, layers: tuple[Mapping[str, Any], ...], attack: Mapping[str, Any]) -> tuple[Simulated, ...]:
    """An experiment on the simulated link for each SNR of Eve.

    name    first parts of the keys
    layers  options of the schemes around the codec
    attack  options of Eve's block in a scenario
    """
    defence, models = replace(BOTH, layers=layers), (inverter(MC, "open"),)
    return tuple(eavesdropped(setup, defence, f"{name}/ec{ec}", "jigsaw", MC, ec, attack, models) for ec in SNRS_DB)


def jigsaw(captures: int = CAPTURES) -> dict[str, Any]:
    """Options of an Eve who solves frames as jigsaws."""
    return BLACK | {"reassembly": "jigsaw", "num_captured_frames": captures}


def adaptive_eve(setup: Setup) -> SupplementaryTable:
    """Every attack against the paper's defence, at three SNRs of Eve, with a remark on each: broken, leaks or holds.

    The first row, the black box on the undefended link, is the top of the scale on which the remarks place the others.
    """
    name, rows, experiments = "adaptive-eve", list[Row](), list[Experiment]()
    rows.append(_row("undefended, black box", [key(OPEN.table, "black", MC, ec) for ec in SNRS_DB]))
    rows.append(_row("trained on captures of the defended link", [key(BOTH.table, "black", MC, ec) for ec in SNRS_DB]))
    trained = "trained on captures of the undefended link"
    lines: dict[str, tuple[Experiment, ...]] = {trained: simulated(setup, f"{name}/open", BOTH.layers, BLACK)}
    for keys, layer in ROW_LAYERS.items():
        lines[f"jigsaw, {keys} keys"] = simulated(setup, f"{name}/jigsaw-{keys}", (layer,), jigsaw())
    few = f"jigsaw trained on {FEW_CAPTURES} open frames, derived keys"
    lines[few] = simulated(setup, f"{name}/jigsaw-few", (ROW_LAYERS["derived"],), jigsaw(FEW_CAPTURES))
    lines["knows both key sets, transmitted keys"] = tuple(learning(setup, name, "key-sets", "transmitted", ec, 0) for ec in SNRS_DB)
    for keys in ROW_LAYERS:
        most = EARLIER_FRAMES["known-plaintext"][-1]
        line = tuple(learning(setup, name, "known-plaintext", keys, ec, most) for ec in SNRS_DB)
        lines[f"knows {most:,} earlier frames, {keys} keys"] = line
    for text, found in lines.items():
        rows.append(_row(text, [experiment.key for experiment in found]))
        experiments += found
    title = f"An adaptive Eve, permutation and substitution of rows, MC {MC} dB"
    return _supplementary(setup, name, title, rows, experiments, {row.name: row for row in rows[1:]})


def key_learning(setup: Setup, attack: str) -> SupplementaryTable:
    """What Eve learns from earlier frames, by their number: image quality, and the shares of later frames whose keys she knows.

    attack  "known-plaintext" or "ciphertext-only", a name in `EARLIER_FRAMES`

    Keys of finite sets repeat, so the shares rise with the number of frames; keys derived per frame never repeat, so they stay at 0.
    """
    columns, ec, rows, experiments = EARLIER_FRAMES[attack], AT_DB[attack], list[Row](), list[Experiment]()
    for keys in ROW_LAYERS:
        found = [learning(setup, attack, attack, keys, ec, frames) for frames in columns]
        rows.append(_row(f"{keys} keys", [experiment.key for experiment in found]))
        experiments += found
    eve = {
        "known-plaintext": "knows their content",
        "ciphertext-only": f"solves them as jigsaws, trained on {FEW_CAPTURES} open frames",
    }[attack]
    title = f"Learning from earlier frames, Eve {eve}: later images, shares of their permutations and substitutions known; EC {ec} dB"
    heads = tuple(f"{frames:,} frame{'s' * (frames != 1)}" for frames in columns)
    table = Table(attack, title, heads, tuple(rows), ("psnr_db", "ssim", "orders", "subsets"))
    return SupplementaryTable(table, tuple(experiments))


def finer_defences(setup: Setup) -> SupplementaryTable:
    """Defences of finer granularity against the jigsaw, and Bob under them, who must be unharmed.

    Phase scrambling alone leaves magnitudes in their places; a row shows the attack that uses them (`magnitude_attack`).
    """
    name, rows, experiments, assessed = "defences", list[Row](), list[Experiment](), dict[str, Row]()
    for defence, layers in FINER_DEFENCES.items():
        found = simulated(setup, f"{name}/{defence}", layers, jigsaw())
        own = at_bob(f"{name}/bob-{defence}", options(setup, layers, MC, codec(MC)), codec(MC))
        assessed[NAMES[defence]] = _row(f"Eve, {NAMES[defence]}", [experiment.key for experiment in found])
        rows += [assessed[NAMES[defence]], Row(f"Bob, {NAMES[defence]}", (Entry(own.key),) * len(COLUMNS))]
        experiments += [*found, own]
    magnitudes = [MagnitudeAttack(setup, f"{name}/magnitudes/ec{ec}", ec) for ec in SNRS_DB]
    text = "phase scrambling alone, attack on magnitudes"
    assessed[text] = _row(f"Eve, {text}", [experiment.key for experiment in magnitudes])
    rows.append(assessed[text])
    experiments += magnitudes
    rows.append(Row("Bob, undefended", (Entry(key(OPEN.table, "bob", MC)),) * len(COLUMNS)))
    title = f"Defences of finer granularity against the jigsaw, derived keys, MC {MC} dB"
    return _supplementary(setup, name, title, rows, experiments, assessed)


def learning(setup: Setup, table: str, knowledge: str, keys: str, ec: int, frames: int) -> Simulated:
    """Experiment: Eve's reconstructions of the last frames, which carry each face once, after she has learnt keys from the first `frames`.

    All frames carry the faces of the setup in turn, each time under new keys and noise.
    """
    attack = {
        "attack": "key-learning",
        "knowledge": knowledge,
        "num_learning_frames": frames,
        "inverter": inverter(MC, "open"),
        "num_captured_frames": FEW_CAPTURES if knowledge == "ciphertext-only" else CAPTURES,
        "assumed_snr_db": MC,
    }
    defence, name = replace(BOTH, layers=(ROW_LAYERS[keys],)), f"{table}/{knowledge}-{keys}/n{frames}/ec{ec}"
    experiment = eavesdropped(setup, defence, name, f"key learning {knowledge}", MC, ec, attack, (inverter(MC, "open"),))
    pairs = setup.images // PAIR
    unscored = -(-frames // pairs) * pairs  # the scored frames begin with the first face
    link = experiment.options | {"frames": unscored + pairs}  # type: ignore[operator]
    link["alice"] = link["alice"] | {"num_images": setup.images}
    return replace(experiment, options=link, images={}, metrics=(*PIXEL_METRICS, *KEY_METRICS), unscored=unscored)


def _row(name: str, keys: Sequence[str]) -> Row:
    return Row(name, tuple(map(Entry, keys)))


def _supplementary(
    setup: Setup, name: str, title: str, rows: Sequence[Row], experiments: Sequence[Experiment], assessed: Mapping[str, Row]
) -> SupplementaryTable:
    """A table over the SNRs of the EC, with a remark on every row of `assessed`."""
    baseline = MeanFace(setup).key
    remarks = tuple(partial(_finding, defence, tuple(entry.key for entry in row.entries), baseline) for defence, row in assessed.items())
    return SupplementaryTable(Table(name, title, COLUMNS, tuple(rows), remarks=remarks), tuple(experiments))


def _finding(defence: str, keys: tuple[str, ...], baseline: str, results: ResultStore) -> str:
    """One sentence on a row, such as "jigsaw, derived keys: broken (EC 0 dB 92 %, ... of the scale)"; empty where results are missing."""
    opens = [key(OPEN.table, "black", MC, ec) for ec in SNRS_DB]
    if any(name not in results for name in (*keys, *opens, baseline)):
        return ""
    words, shares = [], []
    for name, top in zip(keys, opens, strict=True):
        ssim, undefended, floor = results.aligned((name, top, baseline), "ssim")
        ssim_gain, psnr_gain = difference(ssim, floor), difference(*results.aligned((name, baseline), "psnr_db"))
        broken, leaks = difference(ssim, (floor + undefended) / 2).low > 0, ssim_gain.low > 0 or psnr_gain.low > 0
        words.append("broken" if broken else "leaks" if leaks else "holds")
        shares.append(f"{100 * ssim_gain.value / difference(undefended, floor).value:.0f} %")
    same = len(set(words)) == 1
    found = zip(SNRS_DB, words, shares, strict=True)
    by_snr = ", ".join(f"EC {ec} dB {share if same else f'{word} {share}'}" for ec, word, share in found)
    return f"{defence}: {words[0] if same else 'depends on the SNR'} ({by_snr} of the scale)"


TABLES: tuple[Callable[[Setup], SupplementaryTable], ...] = (
    adaptive_eve,
    partial(key_learning, attack="known-plaintext"),
    partial(key_learning, attack="ciphertext-only"),
    finer_defences,
)
