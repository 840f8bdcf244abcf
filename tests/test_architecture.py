"""The house: floors, doors, circles, sizes and habits. What a reviewer would have to look for, looked for by a machine."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "linksim"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS: tuple[tuple[str, ...], ...] = (
    ("units", "errors", "rng", "places"),
    ("registry", "records", "scenario"),
    ("worker", "data", "phy", "nets", "metrics", "diffusion"),
    ("secrecy", "attacks", "adapt"),
    ("schemes",),
    ("simulation", "trace", "train"),
    ("plots", "replication", "env", "curves", "progress"),
    ("papers",),
    ("cli", "__main__"),
)
# Rooms on one floor of which the first may see the second.
STAIRS = {
    ("__main__", "cli"),
    ("curves", "plots"),
    ("scenario", "registry"),
    ("scenario", "records"),
    ("nets", "phy"),
    ("phy", "data"),
    ("env", "replication"),
}
DOORS = {
    "simpy": {"simulation"},
    "h5py": {"trace", "data", "adapt"},
    "matplotlib": {"plots"},
    "yaml": {"scenario"},
    "cryptography": {"secrecy", "simulation"},
    "click": {"cli"},
    "pydantic": {"scenario"},
    "safetensors": {"nets", "train"},
    "PIL": {"data"},
    "scipy": {"phy", "plots"},
    "gymnasium": {"env"},
}
NO_TORCH = {"scenario", "records", "trace", "plots", "cli", "progress"}
LONGEST_FILE, LONGEST_FUNCTION, USUAL_FILE = 300, 60, 130


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if name in rooms)


def imports(path: Path, *, only_at_import: bool = False) -> Iterator[str]:
    """Dotted names of the modules that a file imports."""
    tree = ast.parse(path.read_text())
    for node in tree.body if only_at_import else ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: whole import paths, please"
            assert node.module
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def ours(path: Path) -> Iterator[str]:
    """Rooms that a file imports."""
    for name in imports(path):
        if name.startswith("linksim."):
            yield name.split(".")[1]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_from_lower_floors(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        return
    above = {there for there in ours(path) if there != here and floor(there) >= floor(here) and (here, there) not in STAIRS}
    assert not above, f"{here} is on floor {floor(here)} and imports {above}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_each_outside_package_has_one_door(path: Path) -> None:
    for name in imports(path):
        package = name.split(".")[0]
        if package in DOORS:
            assert room(path) in DOORS[package], f"{package} is imported in {room(path)}; its door is {DOORS[package]}"


def test_modules_form_no_circle() -> None:
    graph = {}
    for path in FILES:
        name = ".".join(("linksim", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        graph[name] = {i for i in imports(path) if i.startswith("linksim")}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"circle: {' -> '.join((*trail, name))}"
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a file begins by saying what it is for"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"{node.name} is too long to read without scrolling"
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path.name}: class {node.name} has no docstring"


def test_the_usual_file_is_about_a_screen_or_two() -> None:
    assert median(path.read_text().count("\n") for path in FILES if path.name != "__init__.py") <= USUAL_FILE


EXECUTES = ("pickle.load", "import pickle", "weights_only=False", "yaml.load(", "eval(", "exec(")
GLOBAL = ("torch.manual_seed", "np.random.seed", "numpy.random.seed")
FORBIDDEN = (*EXECUTES, *GLOBAL, "NotImplementedError")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_that_executes_data_and_no_global_generator(path: Path) -> None:
    text = path.read_text().replace(".eval()", "")
    assert not [word for word in FORBIDDEN if word in text]
    assert path.stem not in ("utils", "helpers", "misc", "common")


@pytest.mark.parametrize("name", ["cli", "scenario.load", "records", "trace.reader", "plots.report"])
def test_traces_are_read_and_help_is_given_without_torch(name: str) -> None:
    code = f"import sys, linksim.{name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_rooms_without_torch_do_not_name_it() -> None:
    for path in FILES:
        if room(path) in NO_TORCH:
            late = room(path) == "cli"  # its commands may, once they are called
            assert not [name for name in imports(path, only_at_import=late) if name.split(".")[0] == "torch"], path


def test_the_package_hands_on_few_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    assert len([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]) <= 12


def test_weights_are_safetensors_and_small() -> None:
    kept_out = [line.removeprefix("models/") for line in (ROOT / ".gitignore").read_text().split() if line.startswith("models/")]
    files = [p for p in (ROOT / "models").iterdir() if not any(fnmatch(p.name, pattern) for pattern in kept_out)]
    weights = [p for p in files if p.suffix not in (".yaml", ".md")]
    assert all(p.suffix in (".safetensors", ".h5") for p in weights)
    assert all(p.stat().st_size <= 25_000_000 for p in weights)
    assert sum(p.stat().st_size for p in weights) <= 150_000_000
