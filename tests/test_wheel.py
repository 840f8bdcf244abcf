"""The wheel is self-contained: in an empty folder without the repository a shipped scenario runs on shipped models."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="builds the wheel")
ROOT = Path(__file__).resolve().parents[1]


def test_an_installed_wheel_runs_the_quickstart(tmp_path: Path) -> None:
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    build = [sys.executable, "-m", "pip", "wheel", *options, "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    assert (site / "linksim/reproduction/claims.yaml").is_file()
    env = {k: v for k, v in os.environ.items() if not k.startswith("LINKSIM_")} | {"PYTHONPATH": str(site)}
    code = "import linksim, linksim.cli; assert 'site' in linksim.__file__, linksim.__file__; linksim.cli.main()"
    command = [sys.executable, "-c", code, "run", "quickstart", "--set", "frames=1", "--no-figures"]
    ran = subprocess.run(command, cwd=empty, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (empty / "results/quickstart/trace.h5").exists()
    assert "sealed" in ran.stdout
