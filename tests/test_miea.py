"""Experiments, tables and remarks of MIEA on fabricated results. Its verdicts are in test_miea_verdicts.py."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from linksim.errors import LinksimError
from linksim.papers.miea import adaptive_eve, experiments
from linksim.papers.miea.claim_checks import RULES, noise_is_restored
from linksim.papers.miea.experiments import OPEN, Setup, bobs, key
from linksim.papers.miea.paper import Miea
from linksim.reproduction import tables
from linksim.reproduction.claims import read_claims
from linksim.reproduction.measurement import chosen
from linksim.reproduction.results import DRAWS, ExperimentResult, ResultStore
from linksim.reproduction.simulated import Simulated
from linksim.scenario.load import scenario_from_text
from linksim.scenario.strict_yaml import dump_yaml
from linksim.statistics import mean_interval
from linksim.training.tasks import TASKS

TABLES = ("table1", "table2", "table3", "table4")


def results_of(folder: Path, samples: Mapping[str, tuple[float, float]], images: int = 20, earlier: tuple[str, ...] = ()) -> ResultStore:
    """Fabricated results: PSNR and SSIM by key, with the same spread in every experiment; those of `earlier` have earlier draws."""
    waver = np.linspace(-1, 1, images)
    metrics = {name: {"psnr_db": psnr + waver, "ssim": ssim + waver / 100} for name, (psnr, ssim) in samples.items()}
    return ResultStore(
        folder,
        (ExperimentResult(key=name, digest="d", seed=1, samples=found, draws=DRAWS - (name in earlier)) for name, found in metrics.items()),
    )


def test_every_claim_has_a_rule_and_every_rule_and_table_has_its_experiments() -> None:
    claims = read_claims()["miea"].claims
    assert [claim.id for claim in claims] == list(RULES)
    found = [experiment.key for experiment in Miea(Setup()).experiments()]
    assert len(set(found)) == len(found)
    assert all({*rule.keys, *rule.support} <= set(found) for rule in RULES.values())
    curves = {experiment.key for experiment in Miea(Setup()).experiments() if experiment.kind == "convergence"}
    assert {entry.key for table in Miea(Setup()).tables() for entry in table.entries} == set(found) - curves


def test_every_experiment_is_a_valid_scenario_and_uses_models_with_a_training_task() -> None:
    for experiment in Miea(Setup(2)).experiments():
        if isinstance(experiment, Simulated):
            scenario_from_text(dump_yaml(dict(experiment.options)), experiment.key)
            assert set(experiment.models) <= set(TASKS)


def test_experiments_are_selected_by_parts_of_their_keys() -> None:
    found = Miea(Setup()).experiments()
    bob_keys = {name for table in (*TABLES, "adaptive-codec") for name in bobs(table)}
    assert {experiment.key for experiment in chosen(found, ["bob"])} == bob_keys
    assert len(chosen(found, ["table[34]/white/*"])) == 18
    assert len(chosen(found, ["white", "black"])) == 72
    assert len(chosen(found, ["white-box/table1/*"])) == 27
    with pytest.raises(LinksimError, match="no experiment matches 'withe'"):
        chosen(found, ["withe"])


def fabricated(white: float = 18.0, black: float = 23.0) -> dict[str, tuple[float, float]]:
    """Values like the paper's: Bob above black above white, rising with EC, low under the defence."""
    values = {name: (31.5 + place, 0.8 + place / 100) for table in TABLES for place, name in enumerate(bobs(table))}
    lost = {"table1": 0.0, "table2": 1.0, "table3": 0.8, "table4": 0.5}
    for table, share in lost.items():
        for mc in experiments.SNRS_DB:
            for ec in experiments.SNRS_DB:
                for attack, level in (("white", white), ("black", black)):
                    rise = (1 - share) * ec / 10
                    values[key(table, attack, mc, ec)] = (level + rise - 10 * share, level / 40 + rise / 100 - share / 3)
    return values


def test_the_defence_restores_shuffled_noise_exactly() -> None:
    assert noise_is_restored()


def test_an_odd_number_of_images_is_refused() -> None:
    with pytest.raises(LinksimError, match="got 5 images, allowed: an even number"):
        Setup(images=5)


def test_a_table_shows_measured_values_beside_the_papers(tmp_path: Path) -> None:
    values = fabricated()
    del values[key("table1", "black", 20, 20)]
    table = next(table for table in Miea(Setup()).tables() if table.name == "table1")
    lines = tables.text(table, results_of(tmp_path, values)).splitlines()
    assert lines[0] == "Table I. Mean PSNR / SSIM, undefended: ours (the paper's)"
    assert lines[1].split() == ["MC", "0", "dB", "MC", "10", "dB", "MC", "20", "dB"]
    assert lines[2].startswith(f"{'Bob':43}31.50 dB / 0.80  (30.02 dB / 0.70)  32.50 dB / 0.81  (32.28 dB / 0.79)")
    assert lines[3].startswith("EC 0 dB  white, from zeros                 18.00 dB / 0.45  (17.44 dB / 0.31)")
    assert lines[4].split() == ["EC", "0", "dB", "white,", "from", "the", "inverse", "network", "-", "-", "-"]
    assert lines[11].endswith("-  (24.41 dB / 0.61)")
    half = mean_interval(np.linspace(-1, 1, 20))
    assert lines[12] == f"95 % intervals are within +- {half.high:.2g} dB and +- {half.high / 100:.2g}; 20 images per experiment"
    page = tables.markdown(table, results_of(tmp_path, values)).splitlines()
    assert page[2] == "|  | MC 0 dB | MC 10 dB | MC 20 dB |"
    psnr, ssim = f"18.00 ± {half.high:.2g} dB", f"0.45 ± {half.high / 100:.2g}"
    assert page[5].startswith(f"| EC 0 dB  white, from zeros | {psnr} / {ssim} (17.44 dB / 0.31) |")


# Supplementary tables


def remarks_on_jigsaw(tmp_path: Path, ssim: float) -> list[str]:
    """Remarks on the jigsaw if Eve's SSIM under the defence is `ssim`, the mean face's 0.3, and that on an undefended link 0.9."""
    table = adaptive_eve.adaptive_eve(Setup()).table
    values = dict.fromkeys((entry.key for entry in table.entries), (10.0, ssim))
    values |= dict.fromkeys((key(OPEN.table, "black", 10, ec) for ec in (0, 10, 20)), (30.0, 0.9))
    results = results_of(tmp_path, values | {"baseline/mean-face": (10.0, 0.3)})
    return [text for remark in table.remarks if "jigsaw, transmitted" in (text := remark(results))]


@pytest.mark.parametrize(("ssim", "word"), [(0.85, "broken"), (0.5, "leaks"), (0.3, "holds"), (0.2, "holds")])
def test_a_rule_decides_which_defence_holds(tmp_path: Path, ssim: float, word: str) -> None:
    (remark,) = remarks_on_jigsaw(tmp_path, ssim)
    assert f"jigsaw, transmitted keys: {word} (EC 0 dB" in remark
    assert f"{100 * (ssim - 0.3) / 0.6:.0f} %" in remark
