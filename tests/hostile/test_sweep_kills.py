"""A sweep whose driver and workers are killed at random times, again and again: no finished point is lost, and none is run again."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from test_shards import children
from test_sweep import begun, committed, marks, plugin, wait_for_workers

from hostile.scale import scale
from linksim.sweeps.journal import Journal

__all__ = ["plugin"]  # a fixture
KILLS, POINTS = scale((3, 20), (100, 400))


def finished(folder: Path) -> set[str]:
    """Digests of the points without an error in the journal."""
    path = folder / "out/journal.sqlite"
    return {digest for digest, outcome in Journal(path).outcomes().items() if not outcome.error} if path.exists() else set()


def strike(process: "subprocess.Popen[str]", draws: random.Random) -> bool:
    """Kill the driver of a sweep, or one of its workers -> whether it was a worker, which may have had a point."""
    workers = sorted(children(process))
    if workers and draws.random() < 0.5:
        os.kill(draws.choice(workers), signal.SIGKILL)
        return True
    process.kill()
    process.communicate()
    return False


def test_random_kills_lose_and_repeat_no_finished_point(tmp_path: Path, plugin: Path, small_models: None) -> None:
    draws, before, struck = random.Random(7), set[str](), 0
    process = begun(tmp_path, plugin, POINTS, waits_s=0.01)
    for _ in range(KILLS):
        progress, limit = committed(tmp_path), time.monotonic() + 60
        while process.poll() is None and committed(tmp_path) < progress + draws.randrange(1, 4) and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(draws.random() * 0.1)
        if process.poll() is None:
            struck += strike(process, draws)
        if process.poll() is not None:
            process.communicate()
            wait_for_workers(tmp_path)
            process = begun(tmp_path, plugin, POINTS, waits_s=0.01)
        now = finished(tmp_path)
        assert before <= now, "a finished point was lost"
        before = now
    for start in (lambda: process, lambda: begun(tmp_path, plugin, POINTS, waits_s=0.01)):  # at last the points that were killed twice
        last = start()
        _, err = last.communicate(timeout=900)
    assert last.returncode == 0, err
    assert len(finished(tmp_path)) == POINTS
    runs = Counter(marks(tmp_path))
    assert len(runs) == POINTS
    assert sum(runs.values()) - POINTS <= struck, "a finished point was run again"
