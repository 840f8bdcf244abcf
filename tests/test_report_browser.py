"""The report opens in a browser, if one is installed, without errors or network requests."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linksim.enums import ControlOutcome, HeaderOutcome, MessageKind, Node, Origin, Outcome
from linksim.plots.report import write_report
from linksim.records import ControlSent, FrameSent, ImageScore, JammingInterval, KeptImage, LinkCreated, Reception, Record
from linksim.trace.layout import RunMetadata
from linksim.trace.writer import TraceWriter

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --hide-scrollbars --window-size=1000,3000 --enable-logging=stderr"
)
MS = 1_000_000
LIGHT, DARK = "", "--blink-settings=preferredColorScheme=0"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")


def exchange(number: int, draw: np.random.Generator) -> Iterator[Record]:
    """The records of a control message, a data frame and its receptions."""
    start_ns = number * 4 * MS
    yield ControlSent(
        time_ns=start_ns,
        airtime_ns=MS,
        link=0,
        sender=Node.ALICE,
        message=number % len(MessageKind),
        sequence=number,
        attempt=0,
        size_bytes=20,
        channel_uses=1000,
        outcome=ControlOutcome.REFUSED if number % 4 == 3 else ControlOutcome.ACCEPTED,
        origin=Origin.SENT,
    )
    frame = {"time_ns": start_ns + 2 * MS, "link": 0, "frame": number}
    sizes = {"airtime_ns": MS, "attempt": 0, "epoch": 0, "images": 1, "channel_uses": 1000, "header_channel_uses": 226}
    yield FrameSent(**frame, **sizes, assumed_snr_db=10.0, parameters={}, outcome=Outcome.DECODED)
    for node in (Node.ALICE, Node.BOB, Node.EVE):
        yield KeptImage(**frame, image=0, node=node, pixels=draw.integers(0, 256, (3, 8, 8), np.uint8))
    for receiver in (Node.BOB, Node.EVE):
        snr = {"mean_snr_db": 10.0, "snr_db": 9.0 + number, "sinr_db": 9.0 + number, "estimated_snr_db": 9.5 + number}
        jamming = {"jammed_fraction": float(number == 1), "mean_jsr": 0.0}
        yield Reception(**frame, receiver=receiver, power=1.0, **snr, **jamming, header=HeaderOutcome.DECODED)
        classes = {"dataset_index": number, "label": 3, "class_received": number % 4, "class_clean": -1, "class_attacked": -1}
        yield ImageScore(**frame, image=0, receiver=receiver, **classes, mse=0.01, psnr_db=20.0 - 5 * receiver + number, ssim=0.5, erased=0)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small run with all kinds of contents."""
    folder = tmp_path_factory.mktemp("report")
    draw = np.random.default_rng(0)
    metadata = RunMetadata("name: seen\ndescription: a page in a browser\n", 1, {"linksim": "0.1.0"}, {"codec": "ab" * 32})
    with TraceWriter(folder / "run.h5", metadata, {("images", "pixels"): (3, 8, 8)}, {("links", "group"): ("open",)}) as writer:
        writer(LinkCreated(link=0, group=0))
        writer(JammingInterval(time_ns=5 * MS, end_ns=9 * MS, link=0, jsr_bob_db=0.0, jsr_eve_db=0.0, energy=0.004))
        for number in range(10):
            for record in exchange(number, draw):
                writer(record)
        writer.close("beef")
    return write_report(folder / "run.h5", folder / "report.html")


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_browser_shows_the_report_without_errors(scheme: str, report: Path, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    flags = [*QUIET.split(), *scheme.split(), f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}"]
    done = subprocess.run([str(CHROMIUM), *flags, report.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    pixels = np.asarray(Image.open(shot).convert("L"), float)
    background = np.median(pixels)
    assert background < 60 if scheme == DARK else background > 200
    bands = np.abs(pixels - background).max(axis=1).reshape(30, 100)
    assert (bands.max(axis=1) > 60).mean() > 0.8  # the page has contents over nearly its whole height


def test_the_browser_reports_script_errors(tmp_path: Path) -> None:
    """The check of the previous test detects an error."""
    (tmp_path / "bad.html").write_text("<!doctype html><script>console.error('seen')</script>")
    flags = [*QUIET.split(), f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'shot.png'}"]
    page = (tmp_path / "bad.html").as_uri()
    done = subprocess.run([str(CHROMIUM), *flags, page], capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line and "seen" in line]
