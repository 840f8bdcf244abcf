"""The progress line and its users: runs, training, downloads and measurements."""

from dataclasses import fields, replace

import pytest

from linksim.data.fetch import FetchProgress
from linksim.progress import WIDTH, duration, progress_line, rate, times
from linksim.records import FrameSent, ImageScore, Record
from linksim.simulate import run_progress
from linksim.simulate.run_progress import RunProgress


@pytest.mark.parametrize(("done", "bar"), [(0, "." * WIDTH), (1, "#" * 8 + "." * 16), (3, "#" * WIDTH), (4, "#" * WIDTH)])
def test_the_bar_shows_the_share(done: int, bar: str) -> None:
    line = progress_line(done, 3, "frames")
    assert line == f"[{bar}] {min(100, round(100 * done / 3)):3}%  {done}/3 frames"


def test_a_task_without_steps_is_complete() -> None:
    assert progress_line(0, 0, "frames").startswith(f"[{'#' * WIDTH}] 100%")


def test_an_unknown_total_has_no_bar_and_empty_details_are_left_out() -> None:
    assert progress_line(1234.5, None, "MB", "file ", ("", "12 s so far"), digits=1) == "file 1,234.5 MB  12 s so far"


def test_times_extrapolate_the_elapsed_time() -> None:
    assert times(30.0, 1, 4) == "30 s so far, 90 s left"
    assert times(30.0, 0, 4) == "30 s so far"
    assert [duration(s) for s in (0.4, 99.4, 100, 5_940, 86_400)] == ["0 s", "99 s", "2 min", "99 min", "24 h 00 min"]
    assert rate(10, 0.0, "images").endswith("images/s")


def test_a_download_has_a_bar_if_its_size_is_known() -> None:
    assert FetchProgress("a.gz", 500_000, 2_000_000).line() == f"a.gz  [{'#' * 6}{'.' * 18}]  25%  0.5/2.0 MB"
    assert FetchProgress("a.gz", 500_000, None).line() == "a.gz  0.5 MB"


def test_a_download_has_its_rate_its_time_and_the_time_left() -> None:
    """The bytes of an earlier call count for the share and not for the rate."""
    resumed = FetchProgress("a.gz", 60_000_000, 90_000_000, received_bytes=20_000_000, elapsed_s=10.0)
    assert resumed.line() == f"a.gz  [{'#' * 16}{'.' * 8}]  67%  60.0/90.0 MB  2.0 MB/s  10 s so far, 15 s left"
    assert FetchProgress("a.gz", 500_000, None, 500_000, 5.0).line() == "a.gz  0.5 MB  100 kB/s  5 s so far"
    assert FetchProgress("a.gz", 500_000, 500_000, 500_000, 5.0).line().endswith("100 kB/s  5 s so far, 0 s left")
    assert FetchProgress("a.gz", 0, 1_000_000, 0, 2.0).line().endswith("0.0/1.0 MB  2 s so far")


def records(kind: type[Record], count: int) -> list[Record]:
    """Records of one kind with all columns 0 except an increasing time."""
    return [kind(**dict.fromkeys((field.name for field in fields(kind)), 0) | {"time_ns": n * 500_000_000}) for n in range(count)]


def test_a_run_counts_frames_and_images_and_redraws_at_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    now, lines = [100.0], list[str]()
    monkeypatch.setattr(run_progress.time, "monotonic", lambda: now[0])
    progress = RunProgress(8, lines.append)
    for record in records(FrameSent, 4) + records(ImageScore, 6):
        now[0] += 0.1
        progress(record)
    assert len(lines) == 3  # one second has passed, and a line lasts for 0.25 s
    assert progress.line() == f"[{'#' * 12}{'.' * 12}]  50%  4/8 frames  1.500 s simulated  6.0 images/s  1 s so far, 1 s left"


def test_a_frame_counts_once_however_often_it_is_transmitted() -> None:
    progress = RunProgress(4, lambda line: None)
    for attempt in (0, 0, 1, 2, 0, 1, 0, 1, 2, 3):
        (record,) = records(FrameSent, 1)
        progress(replace(record, attempt=attempt))
    assert progress.line().startswith(f"[{'#' * WIDTH}] 100%  4/4 frames")
