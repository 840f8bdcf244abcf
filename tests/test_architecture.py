"""The architecture: layers, allowed importers of outside packages, sizes, docstrings, and words."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

import pytest

import linksim
from linksim.nets.cards import TABLE_SUFFIXES
from linksim.registry import DECLARED_IN, KINDS, components

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "linksim"
FILES = sorted(PACKAGE.rglob("*.py"))
EVERY_FILE = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))

# A module or package of `linksim` imports only those of lower layers, which stand above it in this list.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("units", "errors", "rng", "enums", "negotiation", "files", "interrupts", "places", "computation", "worker_process"),
    ("registry", "cost", "wire_layout", "records", "statistics", "outputs"),
    ("scenario", "progress"),
    ("provenance", "worker", "data", "diffusion", "feature_diffusion", "metrics", "reconstruction"),
    ("phy", "nets", "frames"),
    ("secrecy", "attacks", "adapt"),
    ("schemes",),
    ("link", "operations"),
    ("scoring",),
    ("context", "trace", "training"),
    ("jammers", "medium", "control_plane", "nodes"),
    ("simulate", "plots", "views"),
    ("env", "curves", "reproduction"),
    ("papers", "plugins", "catalogue"),
    ("sweeps", "shards", "results"),
    ("api",),
    ("cli", "__main__", "__init__"),
)
EXCEPTIONS = {  # (importer, imported) within a layer, with the reason
    ("feature_diffusion", "diffusion"): "both have the linear schedule and choose the stops of an item in the same way",
    ("nets", "phy"): "codecs normalise the power of their symbols",
    ("medium", "jammers"): "the air adds the interference of the jammers to what it delivers",
    ("control_plane", "medium"): "sessions transmit their messages over the air",
    ("nodes", "medium"): "nodes transmit and receive over the air",
    ("nodes", "control_plane"): "Alice and Bob have sessions",
    ("__main__", "cli"): "`python -m linksim` is the command line",
}
IMPORTERS = {  # outside package -> modules that may import it
    "simpy": {"context", "control_plane", "medium", "jammers", "nodes", "simulate", "env"},
    "h5py": {"trace", "data", "adapt"},
    "matplotlib": {"plots"},
    "yaml": {"scenario"},
    "cryptography": {"secrecy"},
    "click": {"cli"},
    "pydantic": {"scenario", "catalogue", "nets", "reproduction", "sweeps"},
    "pydantic_core": {"scenario", "nets", "reproduction"},
    "safetensors": {"nets", "training"},
    "PIL": {"data"},
    "scipy": {"statistics", "phy"},
    "gymnasium": {"env", "papers"},
    "stable_baselines3": {"papers"},
    "sqlite3": {"reproduction", "sweeps"},
    "pandas": {"results", "sweeps"},
    "xarray": {"results"},
    "pyarrow": {"sweeps"},
}
# Modules that are imported without torch: scenarios are checked and traces are read and plotted without it.
NO_TORCH = (
    *("registry", "cost", "negotiation", "wire_layout", "provenance", "records", "statistics", "progress", "scenario", "trace"),
    *("plots", "views"),
)
NO_TORCH_AT_IMPORT = ("plugins", "catalogue", "api", "cli")  # their functions import it when they need it
LONGEST_FILE, LONGEST_FUNCTION, MEDIAN_FILE, MOST_NAMES = 300, 60, 130, 12


def full_name(path: Path) -> str:
    """Name under which a file is imported."""
    return ".".join(("linksim", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {full_name(path) for path in FILES}


def module_of(path: Path) -> str:
    """Module or package of `linksim` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer_of(module: str) -> int:
    """Layer of a module, 0 for the lowest."""
    return next(place for place, modules in enumerate(LAYERS) if module in modules)


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Full names of the modules that a file imports; with `at_import`, only those of statements that run when it is imported.

    `from package import name` counts as an import of `package.name` where that is a module.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if at_import else ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module
            inner = [name for name in (f"{node.module}.{alias.name}" for alias in node.names) if name in MODULES]
            yield from inner or [node.module]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


# Layers


def test_every_module_has_one_layer() -> None:
    placed = [module for modules in LAYERS for module in modules]
    assert len(placed) == len(set(placed))
    assert {module_of(path) for path in FILES} <= set(placed)


@EVERY_FILE
def test_a_module_imports_only_lower_layers(path: Path) -> None:
    here = module_of(path)
    there = {name.split(".")[1] for name in imports(path) if name.startswith("linksim.")} - {here}
    wrong = {name for name in there if layer_of(name) >= layer_of(here) and (here, name) not in EXCEPTIONS}
    assert not wrong, f"{here} is in layer {layer_of(here)} and imports {wrong}"


def test_every_exception_is_needed_and_stays_within_a_layer() -> None:
    found = {(module_of(path), name.split(".")[1]) for path in FILES for name in imports(path) if name.startswith("linksim.")}
    assert set(EXCEPTIONS) <= found
    assert all(layer_of(importer) == layer_of(imported) for importer, imported in EXCEPTIONS)


def test_imports_form_no_cycle() -> None:
    graph = {full_name(path): {name for name in imports(path) if name in MODULES} for path in FILES}
    graph["linksim"] = set()  # it imports the names that it exports when they are first used
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"cycle: {' -> '.join((*trail, name))}"
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@EVERY_FILE
def test_outside_packages_have_few_importers(path: Path) -> None:
    for name in imports(path):
        package = name.split(".")[0]
        if package in IMPORTERS:
            assert module_of(path) in IMPORTERS[package], f"{package} may be imported in {IMPORTERS[package]}"


def test_no_torch_is_imported_where_it_is_not_needed() -> None:
    for path in FILES:
        if module_of(path) in (*NO_TORCH, *NO_TORCH_AT_IMPORT):
            names = imports(path, at_import=module_of(path) in NO_TORCH_AT_IMPORT)
            assert not [name for name in names if name.split(".")[0] == "torch"], path


def test_scenarios_are_checked_and_traces_are_read_without_torch() -> None:
    inner = ["scenario.load", "scenario.estimate", "trace.reader", "trace.writer", "plots.report", "plots.summary", "plots.figures"]
    names = [name for name in (*NO_TORCH, *NO_TORCH_AT_IMPORT) if name in {module_of(path) for path in FILES}]
    code = "import sys, importlib\nfor name in sys.argv[1:]:\n importlib.import_module(name)\n assert 'torch' not in sys.modules, name"
    command = [sys.executable, "-c", code, "linksim", *(f"linksim.{name}" for name in (*names, *inner))]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_exports_few_names() -> None:
    assert 1 < len(linksim.__all__) <= MOST_NAMES


# Components


def test_every_kind_of_component_states_where_it_is_declared() -> None:
    assert set(DECLARED_IN) == set(KINDS) - {"codec"}  # codecs built in Python come from outside only
    for kind, module in DECLARED_IN.items():
        assert components(kind), kind
        assert module.split(".")[1] in {name for names in LAYERS for name in names}


def test_factories_are_import_paths_that_exist() -> None:
    for component in (component for kind in KINDS for component in components(kind) if component.origin is None):
        assert component.factory == "" or callable(component.load()), component.name
        assert component.help, component.name


# Files and functions


@EVERY_FILE
def test_files_and_functions_are_short_and_documented(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "the module has no docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"{node.name} is too long"
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"class {node.name} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"function {node.name} has no docstring"


def test_the_median_file_is_short() -> None:
    assert median(path.read_text(encoding="utf-8").count("\n") for path in FILES if path.name != "__init__.py") <= MEDIAN_FILE


EXECUTES = ("pickle.load", "import pickle", "weights_only=False", "yaml.load(", "eval(", "exec(")
GLOBAL = ("torch.manual_seed", "np.random.seed", "numpy.random.seed")
FORBIDDEN = (*EXECUTES, *GLOBAL, "NotImplementedError")


@EVERY_FILE
def test_no_data_is_executed_and_no_global_generator_is_used(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(".eval()", "")
    assert not [word for word in FORBIDDEN if word in text]
    assert path.stem not in ("utils", "helpers", "misc", "common")


def test_weights_are_safetensors_and_small() -> None:
    ignored = [line.removeprefix("models/") for line in (ROOT / ".gitignore").read_text().split() if line.startswith("models/")]
    files = [p for p in (ROOT / "models").rglob("*") if p.is_file() and not any(fnmatch(p.name, pattern) for pattern in ignored)]
    weights = [p for p in files if p.suffix not in (".yaml", ".md")]
    assert all(p.suffix in (".safetensors", *TABLE_SUFFIXES.values()) for p in weights)
    assert all(p.stat().st_size <= 25_000_000 for p in weights)
    assert sum(p.stat().st_size for p in weights) <= 150_000_000


# Words

TEXTS = ("linksim", "tests", "docs", "scenarios", "examples", "benchmarks", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")
SUFFIXES = {".py", ".md", ".yaml", ".json", ".csv", ""}
AS_NAME = r"""(["'`])WORD\1|\b(scheme|name|kind): *\[?([\w-]+, *)*WORD\b"""
FORMER_WORDS = {  # pattern of a word that linksim does not use -> the word that it uses
    r"(?i)\blanes?\b|_lanes?\b|\blanes?_": "link",
    r"\b[Ee]ars?\b|_ears?\b|\bears?_|\b([Hh]ears?|[Hh]eard)\b|\bheard_": "receiver, receive, received",
    r"(?i)atlas": "reward table",
    r"(?i)apprentice|\btrainees?\b|\bgraduates?\b": "trainer, pipeline",
    r"(?i)\blessons?\b|\bjudges?\b": "training task, evaluator",
    r"(?i)\bdesks?\b|\bshel(f|ves)\b|\bduels?\b|\bkin(_of)?\b|\bfights?\b": "reproduction, results, paired comparison, snr_sweep_groups",
    r"(?i)\bbelie(f|fs|ve|ves|ved)\b|\bbelieved_|\btold\b|\btold_": "assumed, estimated, received",
    r"(?i)\banew\b|\bwhoever\b|\b(no|some)body\b|\bforet(ell|ells|old|elling)\b|\bthereof\b|\bwhereby\b|\bperchance\b": "plain English",
    r"(?i)\b(picture|pictures)\b": "image",
    r"(?i)\bdoors?\b|\bhouses?\b": "allowed importer, exception",
    r"\b(Heard|Stretch|Hop|Trainee|Tally|Album|Outbox|Inbox|ShuffleBook|Shuffles|Sounder|Opener|Sealer|SnrGain)\b": "",
    r"\b(Ear|Envelope|Exhausted|Cores?|Fighting|Informed|Mistaken)\b": "",
    r"\b(unseal|sounder|chooser|scheme_of|revive|jot|house_style)\b": "",
    r"\b(hears_snr_db|late_ms|limit_s)\b|(?<!energy_)\bbudget_s\b|\bdesync\b|\bat-once\b": "",
    AS_NAME.replace("WORD", "plain"): "deepjscc",
    AS_NAME.replace("WORD", "separation"): "digital",
    AS_NAME.replace("WORD", "scrambling"): "phase-scrambling",
    AS_NAME.replace("WORD", "semantic"): "adversarial",
}
ALLOWED = (  # (file, pattern of the line)
    ("tests/test_architecture.py", ".*"),  # this list
    ("linksim/secrecy.py", "plain"),  # plaintext
    ("tests/test_messages.py", "plain"),
    ("linksim/reproduction/claims.yaml", "quantity: "),  # what a paper says in its own words
)


def texts() -> Iterator[Path]:
    """Files whose words are checked."""
    for name in TEXTS:
        place = ROOT / name
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        hidden = ("__pycache__", ".hypothesis")
        yield from (p for p in found if p.is_file() and p.suffix in SUFFIXES and not any(part in hidden for part in p.parts))


def is_allowed(path: Path, line: str) -> bool:
    """Whether a line may hold a word that linksim does not use."""
    return any(path == ROOT / name and re.search(pattern, line) for name, pattern in ALLOWED)


def former_words(path: Path, patterns: dict[re.Pattern[str], str]) -> Iterator[str]:
    """One line per word of a file that linksim does not use, with its place."""
    text = path.read_text(encoding="utf-8")
    for pattern, instead in patterns.items():
        for match in pattern.finditer(text):
            number = text.count("\n", 0, match.start())
            if not is_allowed(path, text.splitlines()[number]):
                yield f"{path.relative_to(ROOT)}:{number + 1}: {match[0]!r}{f', use {instead}' if instead else ''}"


def test_the_vocabulary_is_that_of_the_field() -> None:
    patterns = {re.compile(pattern): instead for pattern, instead in FORMER_WORDS.items()}
    found = [line for path in texts() for line in former_words(path, patterns)]
    assert not found, "\n".join(found)
