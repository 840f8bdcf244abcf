"""The report in a real browser, where there is one: it opens, shows something, complains of nothing, and asks nobody for anything."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linksim.plots.report import write_report
from linksim.records import ALICE, BOB, EVE, ControlSent, FrameSent, ImageScore, JammingInterval, KeptImage, LinkCreated, Reception
from linksim.trace.layout import RunAbout
from linksim.trace.writer import TraceWriter

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --hide-scrollbars --window-size=1000,3000 --enable-logging=stderr"
)
MS = 1_000_000
LIGHT, DARK = "", "--blink-settings=preferredColorScheme=0"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small run with everything that a page can show."""
    folder = tmp_path_factory.mktemp("report")
    draw = np.random.default_rng(0)
    about = RunAbout("name: seen\nabout: a page in a browser\n", 1, {"linksim": "0.1.0"}, {"codec": "ab" * 32})
    with TraceWriter(folder / "run.h5", about, {("images", "image"): (3, 8, 8)}, {("links", "group"): ("open",)}) as writer:
        writer(LinkCreated(0, 0))
        writer(JammingInterval(5 * MS, 9 * MS, 0, 0.0, 0.0, 0.004))
        for n in range(10):
            writer(ControlSent(n * 4 * MS, MS, 0, ALICE, n % 5, n, 0, 20, 1000, n % 4 == 3))
            writer(FrameSent(n * 4 * MS + 2 * MS, MS, 0, n, 0, 0, 1, 1000, 10.0, 0, 0, 0))
            writer(KeptImage(n * 4 * MS + 2 * MS, 0, n, 0, ALICE, draw.integers(0, 256, (3, 8, 8), np.uint8)))
            for receiver in (BOB, EVE):
                writer(Reception(n * 4 * MS + 2 * MS, 0, n, receiver, 10.0, 9.0 + n, 9.5 + n, float(n == 1), 0.0))
                writer(ImageScore(n * 4 * MS + 2 * MS, 0, n, 0, receiver, 3, n % 4, -1, -1, 0.01, 20.0 - 5 * receiver + n, 0.5, 0))
                writer(KeptImage(n * 4 * MS + 2 * MS, 0, n, 0, receiver, draw.integers(0, 256, (3, 8, 8), np.uint8)))
        writer.close("beef")
    return write_report(folder / "run.h5", folder / "report.html")


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_browser_shows_the_report_and_has_nothing_to_complain_of(scheme: str, report: Path, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    flags = [*QUIET.split(), *scheme.split(), f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}"]
    done = subprocess.run([str(CHROMIUM), *flags, report.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    pixels = np.asarray(Image.open(shot).convert("L"), float)
    context = np.median(pixels)
    assert context < 60 if scheme == DARK else context > 200
    bands = np.abs(pixels - context).max(axis=1).reshape(30, 100)
    assert (bands.max(axis=1) > 60).mean() > 0.8  # something to see nearly all the way down


def test_the_browser_reports_what_it_dislikes(tmp_path: Path) -> None:
    """The check above sees a fault where there is one."""
    (tmp_path / "bad.html").write_text("<!doctype html><script>console.error('seen')</script>")
    flags = [*QUIET.split(), f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'shot.png'}"]
    page = (tmp_path / "bad.html").as_uri()
    done = subprocess.run([str(CHROMIUM), *flags, page], capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line and "seen" in line]
