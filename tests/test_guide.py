"""The page on adaptation policies: its Python runs as printed, in order, on small networks with the shipped reward table and actor."""

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
REGRET = re.compile(r"Interval\(mean=([-\d.e]+), low=([-\d.e]+), high=([-\d.e]+)")


def test_the_examples_of_the_page_on_adaptation_run(
    own_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_diffusec_models(own_models)
    for model in ("diffusec-reward-table", "diffusec-attack-rewards", "ddpg-cifar10"):
        for path in shipped_models().glob(f"{model}.*"):
            shutil.copy(path, own_models)
    load_whole = load.load_scenario

    def load_shortened(name: str, overrides: list[str] | tuple[str, ...] = ()) -> Scenario:
        return load_whole(name, [*overrides, "frames=2", "links=2"])

    monkeypatch.setattr(load, "load_scenario", load_shortened)
    monkeypatch.chdir(own_models)
    blocks, known = BLOCK.findall(PAGE.read_text(encoding="utf-8")), dict[str, Any]()
    assert len(blocks) == 5
    for block in blocks:
        exec(block, known)
    *shown, live = capsys.readouterr().out.splitlines()
    observed, regrets = shown[:3], shown[3:]
    assert observed[0].startswith("[[0.")  # the posterior of two links, and their steps
    assert len(regrets) == 5 * 3 * 2  # channels x delays x errors
    reward, images = live.split()
    assert -1.66 <= float(reward) < 0.0  # the range of Eq. (31); 0 would need perfect images
    assert 0 < int(images) <= 8 * 3  # 8 links, at most 3 frames of one image per round of 20 ms
    with open_trace(Path("cautious.h5")) as trace:
        assert trace.rows("decisions") > 0
