"""A strict run fails with skips that tests/skips.py does not list, and only then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
HEAD = f"import sys; sys.path.insert(0, {str(TESTS)!r})\nfrom skips import SkipReport\n"
CONFTEST = HEAD + "def pytest_configure(config):\n    config.pluginmanager.register(SkipReport())\n"
ALLOWED, OTHER = "needs the true files: set LINKSIM_DATA", "no chromium in PATH"
MODULE = "import pytest\npytest.importorskip('none_such')\n"


@pytest.mark.parametrize(
    ("reason", "strict", "code"), [(ALLOWED, True, 0), (OTHER, True, 1), (OTHER, False, 0)], ids=["listed", "not listed", "not strict"]
)
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "workers"])
def test_a_strict_run_fails_with_skips_that_are_not_listed(
    reason: str, strict: bool, code: int, workers: tuple[str, ...], tmp_path: Path
) -> None:
    text = f"import pytest\ndef test_runs(): pass\ndef test_needs(): pytest.skip({reason!r})\n"
    done = run_pytest(tmp_path, text, strict, workers)
    assert done.returncode == code, done.stdout
    assert f"skipped 1: {reason}" in done.stdout


def test_a_module_that_is_skipped_as_a_whole_counts(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("def test_runs(): pass\n")
    done = run_pytest(tmp_path, MODULE, True, ())
    assert done.returncode == 1, done.stdout
    assert "none_such" in done.stdout


def run_pytest(folder: Path, text: str, strict: bool, workers: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run pytest on a folder with one test module."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(text)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LINKSIM_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers, str(folder)]
    return subprocess.run(
        command, cwd=folder, env=env | ({"LINKSIM_STRICT_SKIPS": "1"} if strict else {}), capture_output=True, text=True, check=False
    )
