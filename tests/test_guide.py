"""The guide's page on adaptation: its Python, as printed, in order and in one go, on small networks with the shipped reward table and actor."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_diffusec_models

from linksim.places import shipped_models
from linksim.scenario import load
from linksim.scenario.schema import Scenario
from linksim.trace.reader import open_trace

PAGE = Path(__file__).resolve().parents[1] / "docs" / "adaptation.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_on_adaptation_does_what_it_says(
    own_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_diffusec_models(own_models)
    for part in ("diffusec-reward-table", "ddpg-cifar10"):
        for path in shipped_models().glob(f"{part}.*"):
            shutil.copy(path, own_models)
    whole = load.load_scenario

    def shortened(name: str, overrides: list[str]) -> Scenario:
        return whole(name, [*overrides, "frames=2", "links=2"])

    monkeypatch.setattr(load, "load_scenario", shortened)
    monkeypatch.chdir(own_models)
    blocks, known = BLOCK.findall(PAGE.read_text(encoding="utf-8")), dict[str, Any]()
    assert len(blocks) == 4
    for block in blocks:
        exec(block, known)  # what the reader is told to run
    *regrets, live = capsys.readouterr().out.splitlines()
    assert len(regrets) == 5 * 3 * 2  # paths x delays x errors
    assert float(live.split()[0]) < 0.0
    with open_trace(Path("cautious.h5")) as trace:
        assert len(trace.table("decisions"))
