"""The examples in the docstrings of the package run and print what they show."""

import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_architecture import FILES, full_name

from linksim import registry
from linksim.scenario import schema

WITH_EXAMPLES = [full_name(path) for path in FILES if ">>> " in path.read_text(encoding="utf-8")]


@pytest.fixture
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working directory; components that an example declares are removed afterwards."""
    monkeypatch.chdir(tmp_path)
    yield
    for component in registry.outside():
        registry.remove(component.kind, component.name)
    schema.refresh()


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0  # doctest has printed the expected and the actual output
