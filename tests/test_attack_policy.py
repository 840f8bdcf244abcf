"""An attack of varying strength: the attack table, what Bob observes of the strength, the policies that use it, and a run with them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from synthetic_attack_table import STRENGTHS, WANTED, synthetic_attack_table, write_synthetic_attack_table
from tiny_models import use_models, write_diffusec_models

from linksim.adapt.attack_policy import AttackLookup, AttackOracle
from linksim.adapt.attack_regret import BLOCK_ROUNDS, attacked_channels, evaluate_under_attack
from linksim.adapt.attack_table import MEASURED, AttackTable, read_attack_table, write_attack_table
from linksim.adapt.ddpg import Ddpg, DdpgConfig
from linksim.adapt.mdp import MAX_ACTION
from linksim.adapt.observation import Observation, observed_by, of_snr
from linksim.adapt.policy import BestFixed
from linksim.adapt.regret import Condition
from linksim.adapt.snr_process import SnrProcess
from linksim.errors import LinksimError, ModelError
from linksim.nets.classifiers import Classifier
from linksim.nets.policy import Actor
from linksim.nets.weights import clear_model_cache
from linksim.operations import Precision
from linksim.records import DisagreementObserved, FrameSent, ParameterDecision, Record, SourceAttackStrength
from linksim.rng import Streams
from linksim.scenario.load import scenario_from_text
from linksim.scoring import disagree
from linksim.simulate.run import run
from linksim.training.attack_table import AttackTableMeasurement
from linksim.training.ddpg import AttackDdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.grid_measurement import run_grid
from linksim.training.step_world import AttackWorld

TABLE = synthetic_attack_table()
DRAW = np.random.default_rng(1)


def seen(
    shares: list[float], images: int = 50, steps: tuple[int, int] = (20, 0), snr_db: float = 15.0, strength: float = 1.0
) -> Observation:
    n = len(shares)
    known = of_snr(np.tile(np.array(steps, np.int64), (n, 1)), np.full(n, snr_db))
    return replace(known, disagreement=np.array(shares), images=np.full(n, images), strength=np.full(n, strength))


# The table


def test_a_file_holds_the_table(tmp_path: Path) -> None:
    write_attack_table(TABLE, tmp_path / "table.csv")
    found = read_attack_table(tmp_path / "table.csv")
    np.testing.assert_array_equal(found.strengths, TABLE.strengths)
    np.testing.assert_allclose(found.disagreement, TABLE.disagreement, atol=1e-6)
    for ours, theirs in zip(TABLE.tables, found.tables, strict=True):
        for name in MEASURED[:-1]:
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("strength", "size", 1), "the first line must be strength,t_d,"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "must be those of a grid"),
        (lambda text: re.sub(r"0\.800000$", "1.8", text, count=1, flags=re.MULTILINE), "disagreement must be of shape"),
        (lambda text: text.replace("0.400000", "half", 1), "could not convert"),
        (lambda text: "", "not enough values"),
    ],
)
def test_a_damaged_file_is_one_message(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    path = tmp_path / "table.csv"
    write_attack_table(TABLE, path)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ModelError, match=f"cannot be read as an attack table .*{message}") as found:
        read_attack_table(path)
    assert "\n" not in str(found.value)


@given(st.integers(1, 50), st.integers(0, 50), st.floats(-3, 15))
def test_the_disagreement_is_interpolated_along_every_axis(t_d: int, t_plus: int, snr_db: float) -> None:
    """A trilinear function is reproduced exactly: the weights of all corners of a cell are right."""

    def value(t_d: Any, t_plus: Any, snr_db: Any, strength: Any) -> Any:
        return (1 + 0.1 * strength) * (0.1 + 0.004 * t_d + 0.002 * t_plus + 0.005 * snr_db + 1e-4 * t_d * snr_db) / 2

    grid = TABLE.tables[0]
    strength, *nodes = np.meshgrid(TABLE.strengths, grid.t_d, grid.t_plus, grid.snr_db, indexing="ij")
    # piecewise linear over t_d: a function of the middle node alone would hide an error of the index
    table = replace(TABLE, disagreement=np.clip(value(*nodes, strength), 0, 1))
    found = table.disagreements(np.array([[t_d, t_plus]]), np.array([snr_db]))[:, 0]
    np.testing.assert_allclose(found, [value(t_d, t_plus, snr_db, strength) for strength in STRENGTHS], atol=1e-12)


def test_a_strength_without_its_table_is_refused() -> None:
    with pytest.raises(ValueError, match="3 strengths need as many reward tables, got 2"):
        AttackTable(TABLE.strengths, TABLE.tables[:2], TABLE.disagreement)
    with pytest.raises(ValueError, match="increasing"):
        replace(TABLE, strengths=TABLE.strengths[::-1])


# The policies


@pytest.mark.parametrize(("share", "strength"), [(0.1, 0.0), (0.42, 1.0), (0.8, 2.0)])
@pytest.mark.parametrize("snr_db", [-3.0, 15.0])
def test_the_lookup_moves_to_the_best_pair_of_the_strength_that_it_observes(share: float, strength: float, snr_db: float) -> None:
    policy, steps = AttackLookup(TABLE, 3.0), (20, 0)
    for _ in range(2):
        steps = tuple(policy.choose(seen([share], steps=steps, snr_db=snr_db), DRAW)[0].tolist())
    assert steps == (WANTED[strength], 50 if snr_db < 0 else 0)


def test_the_posterior_is_that_of_bayes() -> None:
    found = AttackLookup(TABLE, 3.0).posterior(seen([3 / 8], images=8))[0]
    likelihood = binom.pmf(3, 8, [0.1, 0.4, 0.8])
    np.testing.assert_allclose(found, likelihood / likelihood.sum(), rtol=1e-9)


def test_without_an_observation_every_strength_is_as_likely() -> None:
    unknown = seen([np.nan, np.nan])
    np.testing.assert_array_equal(AttackLookup(TABLE, 3.0).posterior(unknown), np.full((2, 3), 1 / 3))
    blind = AttackLookup(TABLE, 3.0, observing=False)
    assert blind.observes == ()
    np.testing.assert_array_equal(blind.posterior(seen([0.8])), np.full((1, 3), 1 / 3))
    mean = np.mean([TABLE.rewards(np.array([[t_d, 0]]), np.array([15.0]))[:, 0] for t_d in range(1, 51)], axis=1)
    t_d, t_plus = blind.choose(seen([0.8], snr_db=15.0), DRAW)[0]
    assert (t_d, t_plus) == (1 + int(mean.argmax()), 0)


def test_the_oracle_knows_the_strength_and_no_observation() -> None:
    for strength in STRENGTHS:
        chosen = AttackOracle(TABLE).choose(seen([0.5], steps=(26, 0), strength=strength), DRAW)
        assert chosen.tolist() == [[WANTED[strength] if strength else 1, 0]]


def test_a_policy_declares_what_it_observes() -> None:
    assert observed_by(BestFixed((1, 0))) == ()
    assert observed_by(AttackLookup(TABLE, 3.0)) == ("disagreement",)

    class Curious:
        observes = ("disagreement", "mood")

    with pytest.raises(ValueError, match=r"Curious.observes has 'mood'; allowed: disagreement"):
        observed_by(Curious())


# The evaluation on the table


def outcomes(images: int, channels: int = 40) -> Any:
    snr_db = np.full((channels, 61), 15.0)
    drawn = attacked_channels(snr_db, Condition("constant", 1, 0.0), 1, len(STRENGTHS), images, Streams(3))
    policies = {
        "oracle": AttackOracle(TABLE),
        "observing": AttackLookup(TABLE, 3.0),
        "blind": AttackLookup(TABLE, 3.0, observing=False),
    }
    return drawn, evaluate_under_attack(TABLE, policies, drawn, Streams(3))


def test_strengths_are_constant_over_a_block_and_all_occur() -> None:
    drawn, _ = outcomes(4)
    blocks = drawn.strengths.reshape(40, -1, BLOCK_ROUNDS)
    assert (blocks == blocks[:, :, :1]).all()
    assert set(np.unique(drawn.strengths)) == {0, 1, 2}
    assert drawn.true_db.shape == drawn.reported_db.shape == (40, 60)


def test_observing_is_worth_its_images_and_the_oracle_has_no_regret() -> None:
    few, many = outcomes(2)[1], outcomes(64)[1]
    for found in (few, many):
        assert np.abs(found["oracle"].regrets).max() == 0
        assert (found["blind"].regrets > 0).all()
    assert (many["observing"].regrets < many["blind"].regrets).all()
    assert many["observing"].regrets.mean() < few["observing"].regrets.mean() < few["blind"].regrets.mean()
    np.testing.assert_array_equal(few["blind"].rewards, many["blind"].rewards)


# Training on the table


@dataclass(frozen=True)
class SyntheticAttackDdpg(AttackDdpgTask):
    """A task on the synthetic table, which has no file."""

    @property
    def digest(self) -> str:
        return "synthetic"

    def require_split(self) -> None:
        """Accept the table, which no images were measured for."""

    def world(self) -> AttackWorld:
        return AttackWorld(TABLE, self.snr_process, self.images)


def test_an_episode_has_one_strength_and_shows_it_by_the_disagreement() -> None:
    world, steps = AttackWorld(TABLE, SnrProcess(std_db=0.0), images=400), np.array([[20, 0]])
    strengths = set()
    for number in range(12):
        episode = world.begin(Streams(1), number, 3)
        strengths.add(episode.strength)
        for turn in range(3):
            found = episode.state(steps, turn)
            assert found.shape == (1, world.inputs)
            assert (found[0, 3] + 1) / 2 == pytest.approx((0.1, 0.4, 0.8)[episode.strength], abs=0.1)
            rewards = [episode.reward(np.array([[t_d, 25]]), turn)[0] for t_d in (1, 20, 50)]
            assert int(np.argmax(rewards)) == episode.strength
    assert strengths == {0, 1, 2}


def test_an_agent_learns_to_use_what_it_observes(tmp_path: Path) -> None:
    """Trained for seconds, it diffuses more where more classes change; the same checkpoint gives the same actor."""
    config = DdpgConfig(actor=1e-3, critic=3e-3, discount=0.0)
    trainer = DdpgTrainer(SyntheticAttackDdpg("synthetic", steps=1_000, random_steps=500, minibatch=64, ddpg=config, images=32))
    while not trainer.finished:
        trainer.train_step()
    trainer.save(tmp_path / "checkpoint.safetensors")
    again = DdpgTrainer(trainer.task)
    again.load(tmp_path / "checkpoint.safetensors")
    assert again.best_regret == trainer.best_regret
    actor = trainer.agent.actor
    actor.load_state_dict(trainer.result())
    policy, steps = Ddpg(actor), np.array([[20, 25]] * 2)
    assert policy.observes == ("disagreement",)
    few, many = policy.choose(replace(seen([0.1, 0.8]), current=steps), DRAW)[:, 0]
    assert many > few + 10
    assert Ddpg(Actor(MAX_ACTION)).observes == ()


# The observation


class FirstPixel(Classifier):
    """Class 1 where the first pixel is above 1/2, else class 0."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first = images[:, 0, 0, 0]
        return torch.stack([1 - first, first], dim=1)


def test_a_class_that_changes_is_a_disagreement() -> None:
    undenoised, images = torch.rand(2, 5, 2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    found = disagree(FirstPixel(), 4, Precision(False, torch.device("cpu"))).run({"undenoised": undenoised, "images": images})
    assert torch.equal(found, (undenoised[:, :, 0, 0, 0] > 0.5) != (images[:, :, 0, 0, 0] > 0.5))
    assert found.any()
    assert not found.all()


ATTACK = "{attack: fgsm, strengths: [0, 1, 2], block_ms: 60}"
LINK = f"""
name: attacked
frames: 24
classifier: classifier-cifar10
links: 2
scheme: {{name: diffusec}}
alice: {{images_per_frame: 2, frame_interval_ms: 10, source_attack: {ATTACK}}}
channel: {{bob: {{snr: {{kind: constant, mean_db: 12}}}}}}
session: {{probe_interval_ms: 20}}
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Untrained models, and the synthetic table as `diffusec-attack-rewards`."""
    use_models(monkeypatch, tmp_path)
    clear_model_cache()
    write_diffusec_models(tmp_path)
    write_synthetic_attack_table(tmp_path, "diffusec-attack-rewards")
    yield tmp_path
    clear_model_cache()


def records_of(text: str, **policies: Any) -> list[Record]:
    found: list[Record] = []
    run(scenario_from_text(text, "test"), (found.append,), policies=policies)
    return found


class Recorder:
    """Keeps what it is given and stays."""

    observes: ClassVar[tuple[str, ...]] = ("disagreement",)

    def __init__(self) -> None:
        self.given: list[Observation] = []

    def choose(self, seen: Observation, draw: np.random.Generator) -> np.ndarray:
        self.given.append(seen)
        return seen.current


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("evaluation", ["lazy", "eager"])
def test_a_run_gives_a_policy_the_images_since_its_last_decision(evaluation: str) -> None:
    policy = Recorder()
    text = f"{LINK}compute: {{evaluation: {evaluation}}}\ngroups: {{only: null}}\n"
    found = records_of(text, only=policy)
    decisions = [record for record in found if isinstance(record, ParameterDecision)]
    observed = {(record.link, record.time_ns): record for record in found if isinstance(record, DisagreementObserved)}
    sent = [record for record in found if isinstance(record, FrameSent)]
    strengths = {(record.link, record.frame): record.attack_strength for record in found if isinstance(record, SourceAttackStrength)}
    assert len(decisions) == len(policy.given) > 6
    last: dict[int, int] = {}
    for decision, situation in zip(decisions, policy.given, strict=True):
        before = [frame for frame in sent if frame.link == decision.link and last.get(decision.link, -1) < frame.time_ns < decision.time_ns]
        expected = sum(frame.images for frame in before)
        assert int(situation.images[0]) == expected
        record = observed.get((decision.link, decision.time_ns))
        assert (record is None) == (expected == 0)
        if record is not None:
            assert record.images == expected
            assert situation.disagreement[0] == record.disagreement
            assert (situation.disagreement[0] * expected) == pytest.approx(round(situation.disagreement[0] * expected))
        else:
            assert np.isnan(situation.disagreement[0])
        assert situation.strength[0] in set(strengths.values())
        last[decision.link] = decision.time_ns
    assert len(observed) > 6
    assert len({situation.disagreement[0] for situation in policy.given}) > 1


@pytest.mark.usefixtures("models")
def test_late_and_early_evaluation_give_equal_decisions() -> None:
    text = LINK + "groups: {only: {bob: {policy: attack-lookup}}}\n"
    found = (records_of(f"{text}compute: {{evaluation: {mode}}}\n") for mode in ("lazy", "eager"))
    lazy, eager = ([record for record in records if isinstance(record, ParameterDecision)] for records in found)
    assert lazy == eager
    assert len({tuple(record.parameters.items()) for record in lazy}) > 1


@pytest.mark.usefixtures("models")
def test_policies_that_observe_nothing_leave_no_record_and_cost_nothing() -> None:
    for policy in ("{name: attack-lookup, observing: false}", "attack-oracle"):
        found = records_of(LINK + f"groups: {{only: {{bob: {{policy: {policy}}}}}}}\n")
        assert not any(isinstance(record, DisagreementObserved) for record in found)
        assert any(isinstance(record, ParameterDecision) for record in found)


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"classifier: classifier-cifar10": "classifier: null", ATTACK: "none"},
            "group 'only': the policy observes whether denoising changes the class of an image, which needs a classifier",
        ),
        ({"scheme: {name: diffusec}": "scheme: adaptive-digital"}, "which needs scheme diffusec, and not adaptive-digital"),
    ],
)
def test_a_link_without_what_is_observed_is_one_message(changes: dict[str, str], message: str) -> None:
    text = LINK
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(LinksimError, match=message):
        records_of(text + "groups: {only: null}\n", only=Recorder())


# The measurement


def test_a_measurement_has_the_strengths_of_the_attack(models: Path) -> None:
    axes: dict[str, Any] = {"t_d": (1, 50), "t_plus": (0, 50), "snr_db": (0.0, 12.0), "strengths": (0.0, 3.0)}
    grid = AttackTableMeasurement("samples", images=12, batch=6, split="test", **axes)
    values, _ = run_grid(grid, torch.device("cpu"), models / "cells", lambda progress: None)
    assert values.shape == (16, len(MEASURED))
    scores = grid.finalise(values, models / "table.csv")
    table = read_attack_table(models / "table.csv")
    assert [score.metric for score in scores] == ["reward"] * 2
    np.testing.assert_array_equal(table.strengths, [0.0, 3.0])
    assert (table.tables[0].adv == 0).all()  # without attack no attack succeeds
    link = grid.link_factory(torch.device("cpu"))(3.0)
    for (i, t_d), (j, t_plus), (k, snr_db) in [((0, 1), (0, 0), (1, 12.0)), ((1, 50), (1, 50), (0, 0.0))]:
        expected = link(t_d, snr_db, t_plus)
        assert table.disagreement[1, i, j, k] == pytest.approx(expected.disagreement, abs=1e-6)
        assert table.tables[1].ssim[i, j, k] == pytest.approx(expected.ssim, abs=1e-6)
