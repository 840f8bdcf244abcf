"""The store of kept results: exact, safe for concurrent writers, exported for review, and clear about damage."""

import csv
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_models import bare_card, use_models

from linksim.errors import LinksimError
from linksim.nets.cards import read_card, write_card
from linksim.places import shipped_models
from linksim.reproduction import results
from linksim.reproduction.results import COLUMNS, DRAWS, DifferentDrawsError, ExperimentResult, ResultStore
from linksim.reproduction.simulated import UNSHIPPED, weights_of
from linksim.training.tasks import TASKS


def result(key: str, digest: str = "d") -> ExperimentResult:
    samples = {"psnr_db": np.array([20.1234567, 21.0, 19.5]), "ssim": np.array([0.5, 0.61, -0.001])}
    return ExperimentResult(key=key, digest=digest, seed=7, samples=samples)


def test_a_kept_result_is_read_as_it_was_stored(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.put(result("table1/bob/mc10"))
    store.put(result("table1/bob/mc0"))
    again = ResultStore(tmp_path)
    assert [kept.key for kept in again.results()] == ["table1/bob/mc0", "table1/bob/mc10"]
    for one, other in zip(store.results(), again.results(), strict=True):
        assert (one.key, one.digest, one.seed, one.draws) == (other.key, other.digest, other.seed, DRAWS)
        assert list(other.samples) == ["psnr_db", "ssim"]
        for metric, samples in result("").samples.items():
            assert np.array_equal(one.samples[metric], other.samples[metric])
            np.testing.assert_allclose(other.samples[metric], samples, rtol=1e-7)


def test_a_result_replaces_the_older_one_of_its_key(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.put(result("a"))
    store.put(ExperimentResult(key="a", digest="e", seed=8, samples={"loss": np.array([1.0])}))
    (kept,) = ResultStore(tmp_path).results()
    assert (kept.digest, kept.seed, {name: values.tolist() for name, values in kept.samples.items()}) == ("e", 8, {"loss": [1.0]})


def test_the_export_holds_every_interval_and_is_written_again(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    assert store.export() is None
    store.put(result("b"))
    store.put(result("a"))
    text = store.export_path.read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["experiment"], row["metric"]) for row in rows] == [(key, metric) for key in "ab" for metric in ("psnr_db", "ssim")]
    found = store["a"].interval("psnr_db")
    assert [float(rows[0][name]) for name in ("mean", "low", "high")] == pytest.approx([found.value, found.low, found.high], rel=1e-5)
    assert (rows[0]["n"], rows[0]["seed"], rows[0]["draws"], rows[0]["digest"]) == ("3", "7", str(DRAWS), "d")
    store.export_path.write_text("")
    assert ResultStore(tmp_path).export() == store.export_path
    assert store.export_path.read_text() == text
    assert {path.name for path in tmp_path.iterdir()} == {"results.sqlite", "results.csv"}


def test_only_results_of_the_same_draws_are_aligned(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.put(result("a"))
    store.put(result("b"))
    store.put(replace(result("old"), draws=DRAWS - 1))
    kept = ResultStore(tmp_path).only({"a": "d", "b": "d", "old": "d"})
    assert {key: kept[key].draws for key in ("a", "b", "old")} == {"a": DRAWS, "b": DRAWS, "old": DRAWS - 1}
    first, second = kept.aligned(("a", "b"), "ssim")
    assert np.array_equal(first, second)
    assert len(kept.aligned(("old",), "ssim")) == 1
    with pytest.raises(DifferentDrawsError, match="different random draws, remeasure"):
        kept.aligned(("a", "b", "old"), "ssim")
    assert kept.same_draws("ab")
    assert not kept.same_draws(["old", "a"])


WRITER = """
import sys
from pathlib import Path
import numpy as np
from linksim.reproduction.results import ExperimentResult, ResultStore
store = ResultStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    store.put(ExperimentResult(key=f"{sys.argv[2]}/{number:02}", digest="d", seed=1, samples={"ssim": np.full(50, number)}))
"""


def test_two_processes_that_write_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    count = 25
    commands = ([sys.executable, "-c", WRITER, str(tmp_path), name, str(count)] for name in "ab")
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for command in commands]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [writer.communicate()[0] and writer.returncode for writer in writers] == ["", ""]
    assert [writer.returncode for writer in writers] == [0, 0]
    keys = [f"{name}/{number:02}" for name in "ab" for number in range(count)]
    assert [kept.key for kept in ResultStore(tmp_path).results()] == keys
    with (tmp_path / "results.csv").open() as file:
        assert [row["experiment"] for row in csv.DictReader(file)] == keys


def alter(statement: str) -> Callable[[Path], None]:
    """A function that executes an SQL statement on a database."""

    def execute(path: Path) -> None:
        database = sqlite3.connect(path)
        database.execute(statement)
        database.commit()
        database.close()

    return execute


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 100), r"results\.sqlite: damaged \(file is not a database\)"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), r"results\.sqlite: damaged \(.*malformed"),
        (alter("PRAGMA user_version = 9"), r"results\.sqlite: damaged \(format 9, expected 3\)"),
        (
            alter("UPDATE samples SET n = 4 WHERE metric = 'ssim'"),
            r"results\.sqlite: damaged \(ssim of a has another length than 16 bytes\)",
        ),
        (
            alter("UPDATE samples SET n = 2 WHERE metric = 'ssim'"),
            r"results\.sqlite: damaged \(ssim of a has another length than 8 bytes\)",
        ),
        (alter("UPDATE samples SET data = x'0123' WHERE metric = 'ssim'"), r"results\.sqlite: damaged \(ssim of a: Error -3 .*\)"),
        (alter("DROP TABLE samples"), r"results\.sqlite: cannot be used \(no such table: samples\)"),
    ],
)
def test_a_damaged_database_gives_one_message(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    ResultStore(tmp_path).put(result("a"))
    damage(tmp_path / "results.sqlite")
    with pytest.raises(LinksimError, match=message) as raised:
        ResultStore(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_locked_database_gives_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ResultStore(tmp_path)
    store.put(result("a"))
    monkeypatch.setattr(results, "LOCK_TIMEOUT_S", 0.1)
    other = sqlite3.connect(tmp_path / "results.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LinksimError, match=r"results\.sqlite: cannot be used \(database is locked\)"):
        store.put(result("b"))
    other.execute("ROLLBACK")
    other.close()
    store.put(result("b"))
    assert "b" in ResultStore(tmp_path)


def test_the_card_of_a_model_that_is_not_shipped_keeps_its_results_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, tmp_path)
    assert weights_of("codec") == "missing"
    (tmp_path / UNSHIPPED).mkdir()
    write_card(bare_card("codec", "codec", "a" * 64), tmp_path / UNSHIPPED / "codec.yaml")
    assert weights_of("codec") == "a" * 64
    write_card(bare_card("codec", "codec", "b" * 64), tmp_path / "codec.yaml")  # trained here: other weights, other results
    assert weights_of("codec") == "b" * 64


def test_cards_of_models_that_are_not_shipped_are_cards_of_training_tasks_without_weights() -> None:
    folder = shipped_models() / UNSHIPPED
    for path in folder.iterdir():
        assert path.suffix == ".yaml", path
        card = read_card(path)
        assert (card.kind, dict(card.config)) == (TASKS[card.name].kind, TASKS[card.name].config)
        assert not (shipped_models() / path.name).exists()
