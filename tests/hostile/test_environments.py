"""Odd environments: a command gives the same results as in an ordinary one, or one message without a traceback."""

import ctypes
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cli_process import TINY, ended, started
from trace_files import written

from hostile.scale import Campaign, scale

MISSING = "/proc/nonexistent/folder"  # a folder that cannot be made, not even by root
CANNOT_DROP = 99  # exit status of a process that cannot drop its capabilities
BARE: dict[str, str | None] = {name: None for name in os.environ if not name.startswith("LINKSIM_")}


@dataclass(frozen=True)
class Odd:
    """An odd environment.

    name       name of the case
    variables  changes of the environment variables; None removes one
    prepare    what the process does before the program starts
    figures    whether figures are drawn and a report is written there, instead of a run
    """

    name: str
    variables: dict[str, str | None] = field(default_factory=dict)
    prepare: Callable[[], object] = lambda: None
    figures: bool = False


def limit(kind: int, value: int) -> Callable[[], None]:
    """Return a function that sets a limit of the process."""
    return lambda: resource.setrlimit(kind, (value, value))


def without_directory() -> None:
    """Enter a folder and remove it."""
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
HARMLESS = [
    Odd("many at once", BARE | ASCII | {"HOME": MISSING, "TMPDIR": MISSING, "TERM": "?", "COLUMNS": "0"}, lambda: os.umask(0o077)),
    Odd("empty environment", BARE, figures=True),
    Odd("no HOME", {"HOME": None}),
    Odd("HOME is missing", {"HOME": MISSING}),
    Odd("HOME is a file", {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "XDG_CONFIG_HOME": "/dev/null"}, figures=True),
    Odd("no PATH", {"PATH": ""}),
    Odd("TMPDIR is missing", {"TMPDIR": MISSING, "TEMP": MISSING, "TMP": MISSING}),
    Odd("no cache of matplotlib", {"MPLCONFIGDIR": MISSING}, figures=True),
    Odd("unknown backend of matplotlib", {"MPLBACKEND": "qtagg", "DISPLAY": ":99"}, figures=True),
    Odd("locale C", {"LC_ALL": "C", "LANG": None, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, figures=True),
    Odd("locale POSIX", {"LC_ALL": "POSIX", "LANG": "POSIX"}),
    Odd("locale with a comma", {"LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"}),
    Odd("Turkish locale", {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}),
    Odd("unknown locale", {"LC_ALL": "xx_XX.nonsense", "LANG": "xx"}),
    *(Odd(f"output in {name}", {"PYTHONIOENCODING": name}) for name in ("ascii", "latin-1", "utf-16", "cp037")),
    *(Odd(f"terminal {name!r}", {"TERM": name, "COLUMNS": "abc", "LINES": "-1"}) for name in ("", "dumb", "xterm-256color")),
    Odd("no colour", {"NO_COLOR": "1", "FORCE_COLOR": "1", "COLUMNS": "1"}),
    *(Odd(f"OMP_NUM_THREADS={value}", {"OMP_NUM_THREADS": value}) for value in ("0", "-1", "many", "1000")),
    Odd("unknown time zone", {"TZ": "No/Where"}),
    Odd("no assertions", {"PYTHONOPTIMIZE": "1"}),
    Odd("no docstrings", {"PYTHONOPTIMIZE": "2"}, figures=True),
    Odd("unbuffered", {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}),
    Odd("umask 0", prepare=lambda: os.umask(0)),
    Odd("umask 077", prepare=lambda: os.umask(0o077)),
    Odd("few files", prepare=limit(resource.RLIMIT_NOFILE, 48)),
    Odd("no core files", prepare=limit(resource.RLIMIT_CORE, 0)),
    Odd("small stack", prepare=limit(resource.RLIMIT_STACK, 1 << 20)),
    Odd("own session without a terminal", prepare=os.setsid),
    Odd("lowest priority", prepare=lambda: os.nice(19)),
    Odd("models folders that are missing", {"LINKSIM_MODELS": f"{MISSING}::{MISSING}"}),
    Odd("models folder that is a file", {"LINKSIM_MODELS": "/dev/null"}),
    Odd("datasets that are missing", {"LINKSIM_DATA": MISSING, "LINKSIM_CACHE": MISSING}),
]


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a scenario and of the outputs of an ordinary run."""
    folder = tmp_path_factory.mktemp("ordinary")
    (folder / "tiny.yaml").write_text(TINY)
    assert ended(started(folder, "run", "tiny.yaml", "--no-figures", "--out", "out"))[0] == 0
    if scale(False, True):
        assert ended(started(folder, "report", "out"))[0] == 0
    return folder


@pytest.mark.parametrize("odd", scale(HARMLESS[:1], HARMLESS), ids=lambda odd: odd.name)
def test_an_odd_environment_changes_no_result(odd: Odd, ordinary: Path, tmp_path: Path, campaign: Campaign) -> None:
    run = ("run", str(ordinary / "tiny.yaml"), "--no-figures", "--out", str(tmp_path / "out"))
    words = ("report", str(ordinary / "out"), "--out", str(tmp_path / "out" / "report.html")) if odd.figures else run
    code, out, err = ended_bytes(started(tmp_path, *words, environment=odd.variables, prepare=odd.prepare))
    assert code == 0, err
    assert b"Traceback" not in err
    assert "Bob" in out.decode(odd.variables.get("PYTHONIOENCODING") or "utf-8") or odd.figures
    assert {path.name for path in (tmp_path / "out").iterdir()} == ({"report.html"} if odd.figures else {"trace.h5", "profile.json"})
    name = "report.html" if odd.figures else "trace.h5"
    assert (tmp_path / "out" / name).read_bytes() == (ordinary / "out" / name).read_bytes()
    campaign.counts["environments"] += 1


def ended_bytes(process: "subprocess.Popen[str]") -> tuple[int, bytes, bytes]:
    """Wait for a process whose output may be in any encoding."""
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = process.stdout.buffer.read(), process.stderr.buffer.read()
    return process.wait(timeout=120), out, err


def refused(code: int, said: str, err: str) -> None:
    """Check a refusal: exit status 1, and one short message."""
    assert code == 1, err
    assert "Traceback" not in said + err
    assert err.startswith("linksim: "), err
    assert len(err.splitlines()) <= 3, err
    assert len(err) < 2000


def test_a_removed_working_directory_is_one_message(ordinary: Path) -> None:
    refused(*ended(started(ordinary, "run", str(ordinary / "tiny.yaml"), "--out", str(ordinary / "other"), prepare=without_directory)))
    assert not (ordinary / "other").exists()


PLACES = ["/proc/linksim", "/sys/linksim", "/dev/null", "/dev/full/out", "tiny.yaml", "x" * 300, "a/" * 3000, "dangling", "loop"]


@pytest.mark.parametrize("out", scale(PLACES[2:3], PLACES), ids=lambda out: out[:20])
def test_a_folder_that_cannot_be_written_is_one_message(out: str, tmp_path: Path, campaign: Campaign) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "dangling").symlink_to(MISSING)
    (tmp_path / "loop").symlink_to("loop")
    refused(*ended(started(tmp_path, "run", "tiny.yaml", "--out", out)))
    campaign.counts["folders"] += 1


def without_override() -> None:
    """Obey the permissions of files from the next program on, which root otherwise passes over. The process may end with an error."""
    if os.getuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                os._exit(CANNOT_DROP)


def test_read_only_folders(tmp_path: Path, campaign: Campaign) -> None:
    """Neither the folder of the outputs nor its parent can be written, or the scenario or a trace cannot be read."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "secret.yaml").write_text(TINY)
    (tmp_path / "secret.yaml").chmod(0)
    (tmp_path / "secret.h5").write_bytes(written(tmp_path / "trace.h5").read_bytes())
    (tmp_path / "secret.h5").chmod(0)
    (tmp_path / "readable").mkdir()
    (tmp_path / "readable").chmod(0o555)
    run = ("run", "tiny.yaml", "--no-figures", "--out")
    others = [("show", "secret.h5"), ("check", "secret.yaml"), ("new", "x", "--out", "readable/x.yaml"), (*run, "readable/out")]
    for words in [(*run, "readable"), *others[: scale(1, 4)]]:
        code, said, err = ended(started(tmp_path, *words, prepare=without_override))
        if code == CANNOT_DROP:
            pytest.skip("dropping capabilities requires privileges")
        refused(code, said, err)
        campaign.counts["commands refused"] += 1
    assert list((tmp_path / "readable").iterdir()) == []


COMMANDS = [("show", "out"), ("check", "tiny.yaml", "--no-build"), ("components",), ("show", MISSING)]
STREAMS = ["closed", "full", "read-only", "broken pipe"]


def spoil(how: str, *descriptors: int) -> Callable[[], None]:
    """Return a function that makes standard streams unusable."""

    def prepare() -> None:
        for descriptor in descriptors:
            if how == "closed":
                os.close(descriptor)
            elif how == "broken pipe":
                reader, writer = os.pipe()
                os.close(reader)
                os.dup2(writer, descriptor)
            else:
                os.dup2(os.open(*(("/dev/full", os.O_WRONLY) if how == "full" else (os.devnull, os.O_RDONLY))), descriptor)

    return prepare


@pytest.mark.parametrize("how", scale(["full"], STREAMS))
@pytest.mark.parametrize("words", scale(COMMANDS[:1], COMMANDS), ids=" ".join)
def test_unusable_streams_end_in_no_traceback(words: tuple[str, ...], how: str, ordinary: Path, campaign: Campaign) -> None:
    for descriptors in ((1,), (2,), (0, 1, 2)):
        code, out, err = ended(started(ordinary, *words, prepare=spoil(how, *descriptors)))
        usable = 1 not in descriptors or how in ("closed", "broken pipe")
        assert code == (1 if MISSING in words or not usable else 0), err
        assert "Traceback" not in out + err
        assert "Exception ignored" not in err
        campaign.counts["commands"] += 1
