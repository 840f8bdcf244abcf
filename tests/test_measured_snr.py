"""Measured SNR: the process equals the file, errors name the row, and a run is repeated only with the same file."""

import hashlib
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from linksim.cli import main
from linksim.data.measured_snr import SnrMeasurement, read_measured_snr, with_checksums
from linksim.errors import DataError
from linksim.phy.snr_deterministic import Measured
from linksim.scenario.load import load_scenario, resolved_yaml, scenario_from_text
from linksim.simulate.run import run
from linksim.trace.reader import open_trace
from linksim.units import FOREVER_NS

S = 1_000_000_000
TIMES, LEVELS = [0.5, 1.0, 1.3, 4.0], [10.0, -3.5, 20.0, 6.25]


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    file = tmp_path / "drive.csv"
    file.write_text("place, snr_db ,time_s\n" + "".join(f"a,{level},{time}\n" for time, level in zip(TIMES, LEVELS, strict=True)))
    return file


@pytest.fixture
def hdf5(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "drive.h5", "w") as file:
        file["time_s"], file["snr_db"] = np.array(TIMES), np.array(LEVELS, np.float32)
    return tmp_path / "drive.h5"


def test_csv_and_hdf5_give_the_same_numbers(csv: Path, hdf5: Path) -> None:
    for file in (csv, hdf5):
        found = read_measured_snr(str(file), None)
        assert found.time_s.tolist() == TIMES
        assert found.snr_db.tolist() == LEVELS
        assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert read_measured_snr(str(file), found.sha256) is read_measured_snr(str(file), found.sha256)


def test_the_snr_is_interpolated_exactly(csv: Path) -> None:
    recording = read_measured_snr(str(csv), None)
    hold, repeated = Measured(recording, repeat=False), Measured(recording, repeat=True)
    for time, level in zip(TIMES, LEVELS, strict=True):
        assert hold.at(round(time * S)) == level
    for now in np.random.default_rng(1).integers(0, 4 * S, 200).tolist():
        assert hold.at(now) == repeated.at(now) == np.interp(now / S, TIMES, LEVELS)
    assert hold.at(0) == 10.0  # before the first row
    assert hold.at(9 * S) == 6.25
    assert hold.constant_until(9 * S) == FOREVER_NS
    assert repeated.at(4 * S) == 10.0  # it restarts at the time of the first row; the period is 3.5 s
    assert repeated.at(4 * S + S // 4) == pytest.approx(repeated.at(3 * S // 4), abs=1e-9)
    assert repeated.at(7 * 3_500_000_000 + S) == pytest.approx(-3.5, abs=1e-6)


@pytest.mark.parametrize(("first", "last"), [(0, 300), (100, 400), (2307, 3548), (123, 4321)])
def test_the_repetition_is_accurate_to_the_nanosecond(first: int, last: int) -> None:
    """For all decimals of its times the SNR at a restart is that of the first row, and a nanosecond before it nearly that of the last."""
    recording = SnrMeasurement(np.array([first, last]) / 1000, np.array([10.0, 20.0]), "")
    path, length = Measured(recording, repeat=True), (last - first) * S // 1000
    for turn in range(1, 60):
        restart = first * S // 1000 + turn * length
        assert path.at(restart) == pytest.approx(10.0, abs=1e-6)
        assert path.at(restart - 1) == pytest.approx(20.0, abs=1e-6)
        assert restart < path.constant_until(restart) <= restart + length
        assert path.constant_until(restart - 1) == restart


ERRORS = {
    "": "has a header without time_s and snr_db, expected time_s and snr_db",
    "time,snr\n1,2\n": "has a header without time_s and snr_db",
    "time_s,\x1b[2J\n1,2\n": "has a header without snr_db, expected time_s and snr_db$",
    "time_s,snr_db\n": "has no rows",
    "time_s,snr_db\n0,1\n1,x\n": r"line 3: got '1,x', expected numbers for time_s and snr_db",
    "time_s,snr_db\n0,1\n1,\x1b[2J\n": r"line 3: got '1,\\x1b\[2J', expected numbers",
    f"time_s,snr_db\n0,{'x' * 500}\n": rf"line 2: got '0,{'x' * 57}\.\.\., expected numbers",
    "time_s,snr_db\n0,1\n1\n": r"line 3: got '1', expected numbers",
    "time_s,snr_db\n0,1\n\n2,2\n": r"line 3 is empty",
    "time_s,snr_db\n0,1\n2,1\n1,1\n": r"line 4: time_s is 1 after 2; times must be at least 0 and increase",
    "time_s,snr_db\n-1,1\n": r"line 2: time_s is -1; times must be at least 0",
    "time_s,snr_db\nnan,1\n": r"line 2: time_s is nan",
    "time_s,snr_db\n0,1\n1700000000,2\n": r"line 3: time_s is 1.7e\+09, allowed: up to 1e\+09 s after the start of the run",
    "time_s,snr_db\n0,inf\n": r"line 2: snr_db is inf, allowed: -100 to 100 dB",
    "time_s,snr_db\n0,nan\n": r"line 2: snr_db is nan",
}


@pytest.mark.parametrize("text", ERRORS)
def test_an_error_names_file_line_and_value(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(DataError, match=rf"bad\.csv:? {ERRORS[text]}"):
        read_measured_snr(str(tmp_path / "bad.csv"), None)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    for name in ("nowhere.csv", ".", "x" * 300):
        with pytest.raises(DataError, match=r"(no such file of measured SNR|cannot be read)"):
            read_measured_snr(str(tmp_path / name), None)


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for special in (str(tmp_path / "pipe"), "/dev/zero", *(["/proc/self/environ"] if os.path.ismount("/proc") else [])):
        with pytest.raises(DataError, match=f"^{special} cannot be read: not an ordinary file$"):
            read_measured_snr(special, None)


def test_the_content_of_another_file_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-word,another\n1,2\n")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret-word"] = [1.0]
    for name in ("token", "other.h5"):
        with pytest.raises(DataError) as raised:
            read_measured_snr(str(tmp_path / name), None)
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"\x89HDF\r\n\x1a\nrubbish", b"time_s,snr_db\n" + b'"' * 200_000])
def test_invalid_content_is_reported(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(raw)
    with pytest.raises(DataError, match=r"bad"):
        read_measured_snr(str(tmp_path / "bad"), None)


def test_hdf5_with_external_data_or_invalid_datasets_is_rejected(hdf5: Path, tmp_path: Path) -> None:
    def holding(name: str, put) -> str:
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["time_s"] = TIMES
            put(file)
        return str(tmp_path / f"{name}.h5")

    cases = {
        "options": lambda file: file.__setitem__("snr_db", h5py.ExternalLink(str(hdf5), "snr_db")),
        "soft": lambda file: file.__setitem__("snr_db", h5py.SoftLink("/time_s")),
        "missing": lambda file: None,
        "group": lambda file: file.create_group("snr_db"),
        "flat": lambda file: file.__setitem__("snr_db", [LEVELS]),
        "text": lambda file: file.__setitem__("snr_db", ["a", "b", "c", "d"]),
        "short": lambda file: file.__setitem__("snr_db", LEVELS[:2]),
        "outside": lambda file: file.create_dataset("snr_db", (4,), "f8", external=[(str(tmp_path / "x.raw"), 0, 32)]),
        "huge": lambda file: file.create_dataset("snr_db", (20_000_000,), "f8", chunks=(1_000_000,)),
    }
    for name, put in cases.items():
        with pytest.raises(DataError, match=rf"{name}\.h5 (holds|keeps|has)"):
            read_measured_snr(holding(name, put), None)
    with h5py.File(tmp_path / "nan.h5", "w") as file:
        file["time_s"], file["snr_db"] = TIMES, [1.0, np.nan, 2.0, 3.0]
    with pytest.raises(DataError, match=r"row 1: snr_db is nan"):
        read_measured_snr(str(tmp_path / "nan.h5"), None)


SCENARIO = "{name: x, frames: 2, trace: {images: 0}, channel: {bob: {snr: {kind: measured, file: drive.csv}}}}"


@pytest.fixture
def study(csv: Path) -> Path:
    (csv.parent / "study.yaml").write_text(SCENARIO)
    return csv.parent / "study.yaml"


def test_a_relative_path_is_resolved_against_the_file_that_contains_it(study: Path, csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def file(*overrides: str) -> str:
        return load_scenario(str(study), overrides).groups["link"].channel.bob.snr.file

    assert file() == str(csv)
    (study.parent / "else").mkdir()
    monkeypatch.chdir(study.parent / "else")
    assert file() == str(csv)
    assert file("channel.bob.snr.file=other.csv") == str(study.parent / "else" / "other.csv")
    assert file("channel.bob.snr.file=/abs/x.csv") == "/abs/x.csv"
    once = load_scenario(str(study))
    assert scenario_from_text(resolved_yaml(once)) == once


def test_a_run_is_repeated_with_the_same_file_only(study: Path, csv: Path, small_models: None) -> None:
    run(load_scenario(str(study)), (), study.parent / "a.h5")
    with open_trace(study.parent / "a.h5") as trace:
        repeated = scenario_from_text(trace.scenario_yaml)
    assert repeated.groups["link"].channel.bob.snr.sha256 == hashlib.sha256(csv.read_bytes()).hexdigest()
    run(repeated, (), study.parent / "b.h5")
    assert (study.parent / "a.h5").read_bytes() == (study.parent / "b.h5").read_bytes()

    other = csv.parent / "other.csv"
    other.write_text("time_s,snr_db\n0,3\n")
    swap = f"groups.link.channel.bob.snr.file={other}"
    result = CliRunner().invoke(main, ["run", "--from", str(study.parent / "a.h5"), "--set", swap, "--out", str(study.parent / "out")])
    assert result.exit_code == 1
    assert "other.csv is not the expected file" in result.stderr
    csv.rename(csv.parent / "gone.csv")
    with pytest.raises(DataError, match=r"drive\.csv: no such file of measured SNR"):
        with_checksums(load_scenario(str(study)))


def test_check_reads_and_summarises_the_file(study: Path, csv: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(study), "--full"])
    assert f"#   link: bob 10.0 dB, measured, 4 rows from 0.5 to 4 s of {csv}" in result.stdout
    assert f"sha256: {hashlib.sha256(csv.read_bytes()).hexdigest()}" in result.stdout
    assert scenario_from_text(result.stdout) == with_checksums(load_scenario(str(study)))
    csv.write_text("time_s,snr_db\n0,x\n")
    failed = CliRunner().invoke(main, ["check", str(study)])
    assert (failed.exit_code, "line 2: got '0,x'" in failed.stderr) == (1, True)
