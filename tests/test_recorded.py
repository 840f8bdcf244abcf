"""Facts of recorded SNR: the path is what the file says, faults name the row, a run is repeated with the same file or not at all."""

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from linksim.cli import main
from linksim.data.recorded import Recording, read_recorded, with_checksums
from linksim.errors import DataError
from linksim.phy.snr_deterministic import Recorded
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


def test_both_forms_give_the_same_numbers(csv: Path, hdf5: Path) -> None:
    for file in (csv, hdf5):
        found = read_recorded(str(file), None)
        assert found.time_s.tolist() == TIMES
        assert found.snr_db.tolist() == LEVELS
        assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert read_recorded(str(file), found.sha256) is read_recorded(str(file), found.sha256)


def test_it_is_interpolated_exactly(csv: Path) -> None:
    recording = read_recorded(str(csv), None)
    held, again = Recorded(recording, repeat=False), Recorded(recording, repeat=True)
    for time, level in zip(TIMES, LEVELS, strict=True):
        assert held.at(round(time * S)) == level
    for now in np.random.default_rng(1).integers(0, 4 * S, 200).tolist():
        assert held.at(now) == again.at(now) == np.interp(now / S, TIMES, LEVELS)
    assert held.at(0) == 10.0  # before the first row
    assert held.at(9 * S) == 6.25
    assert held.until(9 * S) == FOREVER_NS
    assert again.at(4 * S) == 10.0  # anew from the first row's time, 3.5 s long
    assert again.at(4 * S + S // 4) == pytest.approx(again.at(3 * S // 4), abs=1e-9)
    assert again.at(7 * 3_500_000_000 + S) == pytest.approx(-3.5, abs=1e-6)


@pytest.mark.parametrize(("first", "last"), [(0, 300), (100, 400), (2307, 3548), (123, 4321)])
def test_it_begins_anew_to_the_nanosecond(first: int, last: int) -> None:
    """Whatever the decimals of its times: at the seam it is the first row's, a nanosecond before it nearly the last one's."""
    recording = Recording(np.array([first, last]) / 1000, np.array([10.0, 20.0]), "")
    path, length = Recorded(recording, repeat=True), (last - first) * S // 1000
    for turn in range(1, 60):
        seam = first * S // 1000 + turn * length
        assert path.at(seam) == pytest.approx(10.0, abs=1e-6)
        assert path.at(seam - 1) == pytest.approx(20.0, abs=1e-6)
        assert seam < path.until(seam) <= seam + length
        assert path.until(seam - 1) == seam


FAULTS = {
    "": "has nothing in its header, expected time_s and snr_db",
    "time,snr\n1,2\n": "has time, snr in its header",
    "time_s,snr_db\n": "has no rows",
    "time_s,snr_db\n0,1\n1,x\n": r"line 3: got '1,x', expected numbers for time_s and snr_db",
    "time_s,snr_db\n0,1\n1\n": r"line 3: got '1', expected numbers",
    "time_s,snr_db\n0,1\n\n2,2\n": r"line 3 is empty",
    "time_s,snr_db\n0,1\n2,1\n1,1\n": r"line 4: time_s is 1 after 2; times are 0 or more and rise",
    "time_s,snr_db\n-1,1\n": r"line 2: time_s is -1; times are 0 or more",
    "time_s,snr_db\nnan,1\n": r"line 2: time_s is nan",
    "time_s,snr_db\n0,1\n1700000000,2\n": r"line 3: time_s is 1.7e\+09, allowed: up to 1e\+09 s; the run starts at 0",
    "time_s,snr_db\n0,inf\n": r"line 2: snr_db is inf, allowed: -100 to 100 dB",
    "time_s,snr_db\n0,nan\n": r"line 2: snr_db is nan",
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_names_file_line_and_value(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(DataError, match=rf"bad\.csv:? {FAULTS[text]}"):
        read_recorded(str(tmp_path / "bad.csv"), None)


def test_a_name_that_is_no_file_is_told_as_such(tmp_path: Path) -> None:
    for name in ("nowhere.csv", ".", "x" * 300):
        with pytest.raises(DataError, match=r"(no such file of recorded SNR|cannot be read)"):
            read_recorded(str(tmp_path / name), None)


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"\x89HDF\r\n\x1a\nrubbish", b"time_s,snr_db\n" + b'"' * 200_000])
def test_bytes_that_are_no_recording_are_told_as_such(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(raw)
    with pytest.raises(DataError, match=r"bad"):
        read_recorded(str(tmp_path / "bad"), None)


def test_hdf5_that_reaches_elsewhere_or_holds_no_row_of_numbers_is_refused(hdf5: Path, tmp_path: Path) -> None:
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
            read_recorded(holding(name, put), None)
    with h5py.File(tmp_path / "nan.h5", "w") as file:
        file["time_s"], file["snr_db"] = TIMES, [1.0, np.nan, 2.0, 3.0]
    with pytest.raises(DataError, match=r"row 1: snr_db is nan"):
        read_recorded(str(tmp_path / "nan.h5"), None)


SCENARIO = "{name: x, frames: 2, trace: {images: 0}, channel: {bob: {snr: {kind: measured, file: drive.csv}}}}"


@pytest.fixture
def study(csv: Path) -> Path:
    (csv.parent / "study.yaml").write_text(SCENARIO)
    return csv.parent / "study.yaml"


def test_a_relative_path_counts_from_where_it_was_written(study: Path, csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def file(*overrides: str) -> str:
        return load_scenario(str(study), overrides).groups["options"].channel.bob.snr.file

    assert file() == str(csv)
    (study.parent / "else").mkdir()
    monkeypatch.chdir(study.parent / "else")
    assert file() == str(csv)
    assert file("channel.bob.snr.file=other.csv") == str(study.parent / "else" / "other.csv")
    assert file("channel.bob.snr.file=/abs/x.csv") == "/abs/x.csv"
    once = load_scenario(str(study))
    assert scenario_from_text(resolved_yaml(once)) == once


def test_a_run_pins_the_file_and_is_repeated_with_it_alone(study: Path, csv: Path, small_models: None) -> None:
    run(load_scenario(str(study)), (), study.parent / "a.h5")
    with open_trace(study.parent / "a.h5") as trace:
        again = scenario_from_text(trace.scenario_yaml)
    assert again.groups["options"].channel.bob.snr.sha256 == hashlib.sha256(csv.read_bytes()).hexdigest()
    run(again, (), study.parent / "b.h5")
    assert (study.parent / "a.h5").read_bytes() == (study.parent / "b.h5").read_bytes()

    other = csv.parent / "other.csv"
    other.write_text("time_s,snr_db\n0,3\n")
    swap = f"groups.options.channel.bob.snr.file={other}"
    said = CliRunner().invoke(
        main, ["replication", "--from", str(study.parent / "a.h5"), "--set", swap, "--out", str(study.parent / "out")]
    )
    assert said.exit_code == 1
    assert "other.csv is another file than the one that was meant" in said.stderr
    csv.rename(csv.parent / "gone.csv")
    with pytest.raises(DataError, match=r"drive\.csv: no such file of recorded SNR"):
        with_checksums(load_scenario(str(study)))


def test_check_reads_the_file_and_says_what_is_in_it(study: Path, csv: Path) -> None:
    said = CliRunner().invoke(main, ["check", str(study)])
    assert f"#   link: bob 10.0 dB, recorded, 4 rows from 0.5 to 4 s of {csv}" in said.stdout
    assert f"sha256: {hashlib.sha256(csv.read_bytes()).hexdigest()}" in said.stdout
    assert scenario_from_text(said.stdout) == with_checksums(load_scenario(str(study)))
    csv.write_text("time_s,snr_db\n0,x\n")
    failed = CliRunner().invoke(main, ["check", str(study)])
    assert (failed.exit_code, "line 2: got '0,x'" in failed.stderr) == (1, True)
