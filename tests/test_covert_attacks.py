"""Tests of the attacks of an Eve who suspects that frames hide a signal, in simulated links."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import RecordCollector
from tiny_models import write_model

from linksim.attacks.reveal import RidgeReveal, fit_ridge
from linksim.enums import Node
from linksim.errors import LinksimError
from linksim.nets.weights import clear_model_cache
from linksim.records import Detection, FrameSent, ImageScore
from linksim.scenario.estimate import estimate
from linksim.scenario.schema import LinkOptions, Scenario
from linksim.simulate.run import run

CODEC = {"channels": 16, "blocks": 1, "stem": 4, "width": 8, "inner": 4, "encoder_knows_snr": False}
LINEAR = {"layout": "linear", "channels": 16, "side": 32, "tile": 8, "share": 0.4}  # its basis is the identity
RIDGE = {"attack": "ridge-reveal", "num_chosen_pairs": 60, "tile": 2, "assumed_snr_db": 30.0}
DETECTOR = {"attack": "energy-detector", "num_plain_images": 80, "tile": 4, "false_alarm_rate": 0.1}

Attacked = Callable[..., RecordCollector]


@pytest.fixture
def attacked(own_models: Path) -> Attacked:
    """Return a function that runs one link under an attack and returns all records."""
    write_model(own_models, "codec-cifar10-6", "codec", CODEC)
    write_model(own_models, "classifier-cifar10", "classifier", {"widths": [24, 24, 24]})
    write_model(own_models, "covert-swap", "hider", LINEAR)
    clear_model_cache()

    def run_link(eve: dict[str, Any], scheme: list[Any] | None = None, frames: int = 10) -> RecordCollector:
        collector = RecordCollector()
        run(scenario(eve, scheme, frames), (collector,))
        return collector

    return run_link


def scenario(eve: dict[str, Any], scheme: list[Any] | None = None, frames: int = 10) -> Scenario:
    options = {"scheme": scheme or ["covert", "deepjscc"], "eve": eve, "session": {"probe_interval_ms": 0}}
    return Scenario(name="test", frames=frames, groups={"link": LinkOptions.model_validate(options)})


def test_ridge_scores_host_and_private_image(attacked: Attacked) -> None:
    records = attacked(RIDGE)
    images = {score.image for score in records.of(ImageScore) if score.receiver == Node.EVE}
    assert images == {0, 1, 2, 3}
    assert not records.of(Detection)


def test_eve_learns_from_chosen_pairs_unless_the_link_has_keys(attacked: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []

    def fit(*inputs: Any) -> RidgeReveal:
        fitted = fit_ridge(*inputs)
        found.append(fitted.snr_db)
        return fitted

    monkeypatch.setattr("linksim.simulate.covert_attacks.fit_ridge", fit)
    for keys in ("none", "derived"):
        attacked(RIDGE, [{"name": "covert", "keys": keys}, "deepjscc"], frames=1)
    assert found[0] > found[1] + 1.0


def test_the_energy_detector_tests_every_item(attacked: Attacked) -> None:
    records = attacked(DETECTOR)
    found = records.of(Detection)
    assert [(row.frame, row.item) for row in found] == [(frame, item) for frame in range(10) for item in range(2)]
    assert all(row.detected == (row.statistic > row.threshold) for row in found)
    assert {row.time_ns for row in found} == {row.time_ns for row in records.of(FrameSent)}
    assert not [score for score in records.of(ImageScore) if score.receiver == Node.EVE]


def test_containers_are_detected_and_few_plain_signals(attacked: Attacked) -> None:
    hidden, plain = (attacked(DETECTOR, scheme, frames=20).of(Detection) for scheme in (None, ["deepjscc"]))
    assert sum(row.detected for row in plain) / len(plain) < 0.3
    assert sum(row.detected for row in hidden) / len(hidden) > 0.7


@pytest.mark.parametrize("eve", [RIDGE, DETECTOR], ids=lambda eve: str(eve["attack"]))
def test_the_estimate_has_the_rows_of_the_run(eve: dict[str, Any], attacked: Attacked) -> None:
    records, rows = attacked(eve), dict(estimate(scenario(eve)).rows)
    assert rows["detections"] == len(records.of(Detection))
    assert rows["scores"] == len(records.of(ImageScore))


@pytest.mark.parametrize(
    ("eve", "scheme", "message"),
    [
        (RIDGE, ["deepjscc"], "'ridge-reveal' needs a scheme of one layer 'covert' around a codec"),
        (RIDGE, ["permutation", "covert", "deepjscc"], "'ridge-reveal' needs a scheme of one layer 'covert'"),
        (RIDGE | {"num_chosen_pairs": 4_000}, None, "needs 4000 training images, dataset"),
        (DETECTOR, ["permutation", "deepjscc"], "'energy-detector' needs a codec, and items that have the symbols of one image"),
        (DETECTOR | {"tile": 1}, None, None),
    ],
)
def test_an_attack_that_does_not_fit_is_refused(eve: dict[str, Any], scheme: Any, message: str | None, attacked: Attacked) -> None:
    if message is None:
        assert attacked(eve, scheme, frames=1).of(Detection)
        return
    with pytest.raises(LinksimError, match=message):
        attacked(eve, scheme, frames=1)
