"""Tests that agents of Stable-Baselines3 train on the environments. They are skipped if it is not installed."""

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from synthetic_reward_table import synthetic_reward_table
from tiny_models import write_diffusec_models

import linksim.env
from linksim.env.step_selection import StepSelection
from linksim.places import shipped_models

sb3 = pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is not installed")
env_checker = pytest.importorskip("stable_baselines3.common.env_checker")

PAGE = Path(__file__).resolve().parents[1] / "docs" / "adaptation.md"
EXAMPLE = re.compile(r"^```python no-test\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_stable_baselines_checker_reports_nothing() -> None:
    env_checker.check_env(StepSelection(synthetic_reward_table()), warn=True)
    env_checker.check_env(gymnasium.make(linksim.env.STEP_SELECTION, reward_table=synthetic_reward_table()), warn=True)


def test_the_example_of_the_documentation_runs(
    own_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shortened: on small networks, with the shipped reward table."""
    pytest.importorskip("pandas")
    write_diffusec_models(own_models)
    for path in shipped_models().glob("diffusec-reward-table.*"):
        shutil.copy(path, own_models)
    (body,) = [body for body in EXAMPLE.findall(PAGE.read_text(encoding="utf-8")) if "stable_baselines3" in body]
    short = body.replace("learn(3_000)", "learn(320)").replace('{"links": 8, "frames": 10}', '{"links": 1, "frames": 3}')
    assert len(short) < len(body)
    exec(short, {})
    assert re.search(r"^ddpg +\d", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("name", ["DDPG", "TD3", "SAC"])
def test_a_trained_agent_beats_random_actions(name: str) -> None:
    """After 300 updates, the mean reward in the last round of 30 episodes is higher than that of random actions."""
    torch.set_num_threads(1)
    env = gymnasium.make(linksim.env.STEP_SELECTION, reward_table=synthetic_reward_table(), fluctuation_db=0.0)
    agent = getattr(sb3, name)("MlpPolicy", env, learning_rate=1e-3, learning_starts=300, batch_size=64, gamma=0.9, seed=1, device="cpu")
    agent.learn(600)
    trained, random = ([last_reward(env, agent if acts else None, seed) for seed in range(30)] for acts in (True, False))
    assert np.mean(trained) > np.mean(random) + 0.02


def test_the_comparison_of_outside_agents_runs() -> None:
    path = Path(__file__).resolve().parents[1] / "examples" / "outside_agents.py"
    spec = importlib.util.spec_from_file_location("outside_agents", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.SETTINGS.update(learning_starts=10, batch_size=8)
    lines: list[str] = []
    table = synthetic_reward_table()
    module.compare(table, table, steps=20, seeds=1, channels=2, show=lines.append)
    assert [line[:12].strip() for line in lines[1:]] == ["best fixed", "lookup", "DDPG 1", "TD3 1", "SAC 1"]
    assert "+0.0000 [+0.0000, +0.0000]" in lines[1]


def last_reward(env: gymnasium.Env[Any, Any], agent: Any, seed: int) -> float:
    """Reward in the last round of an episode; without an agent, actions are random."""
    observed, _ = env.reset(seed=seed)
    draw, truncated, reward = np.random.default_rng(seed), False, 0.0
    while not truncated:
        action = draw.uniform(-1, 1, 2).astype(np.float32) if agent is None else agent.predict(observed, deterministic=True)[0]
        observed, reward, _, truncated, _ = env.step(action)
    return float(reward)
