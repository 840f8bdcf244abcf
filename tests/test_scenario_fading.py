"""The words for fading: what they mean, and what is refused in words."""

import re

import pytest

from linksim.errors import LinksimError
from linksim.scenario.fading import JakesFading, TdlFading
from linksim.scenario.load import resolved_yaml, scenario_from_text


def channel(text: str) -> str:
    return f"name: x\nchannel:\n  bob: {{fading: {text}}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "rayleigh",
        "rician",
        "nakagami",
        "{kind: rician, k_db: -3, coherence_ms: 1}",
        "{kind: nakagami, m: 0.5}",
        "{kind: jakes, doppler_hz: 10, k_db: 3}",
        "{kind: tdl, profile: C, speed_mps: 30, carrier_ghz: 3.5, bandwidth: ofdm}",
    ],
)
def test_every_kind_is_taken_and_written_out(text: str) -> None:
    scenario = scenario_from_text(channel(text))
    assert scenario_from_text(resolved_yaml(scenario)) == scenario


def test_a_shift_is_given_or_comes_from_speed_and_carrier() -> None:
    assert JakesFading(kind="jakes", doppler_hz=70.0).shift_hz == 70
    assert TdlFading(kind="tdl", speed_mps=299_792.458 / 100, carrier_ghz=1.0).shift_hz == pytest.approx(1e4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (channel("jakes"), "channel.bob.fading: got neither doppler_hz nor speed_mps, allowed: one of them"),
        (channel("{kind: jakes, doppler_hz: 3, speed_mps: 3}"), "got both doppler_hz and speed_mps"),
        (channel("{kind: nakagami, m: 0.2}"), "channel.bob.fading.m: got 0.2, allowed: a number from 0.5 to 50"),
        (channel("{kind: tdl, profile: B, speed_mps: 1}"), "got 'B', allowed: one of 'A', 'C'"),
        (
            channel("{kind: tdl, doppler_hz: 1, bandwidth: ofdm}, csi: pilots"),
            "channel.bob.csi: got 'pilots', allowed: 'perfect' with fading",
        ),
        (channel("raileigh"), "did you mean rayleigh?"),
        (channel("{kind: rayleigh, k_db: 3}"), "unknown key of kind 'rayleigh'; kind 'rician' or 'jakes' has it"),
        (
            channel("{kind: jakes, speed_mps: 2000000}"),
            "a number from 0 to 10000 m/s or null",
        ),
    ],
)
def test_slips_are_told(text: str, message: str) -> None:
    with pytest.raises(LinksimError, match=message):
        scenario_from_text(text)


BOTH = "name: x\nchannel:\n  correlation: 0.5\n  bob: {{fading: {}}}\n  eve: {{fading: {}}}\n"


@pytest.mark.parametrize("rho", ["0", "0.0"])
def test_no_correlation_takes_any_fading(rho: str) -> None:
    assert scenario_from_text(BOTH.replace("0.5", rho).format("none", "nakagami")).groups["link"].channel.correlation == 0


@pytest.mark.parametrize(
    ("bob", "eve", "message"),
    [
        ("rayleigh", "none", "got 0.5; a correlation requires fading of kind rayleigh, rician, jakes or tdl on both paths, got 'rayleigh'"),
        ("nakagami", "nakagami", "rayleigh, rician, jakes or tdl on both paths"),
        ("rayleigh", "{kind: jakes, doppler_hz: 3}", "fading of one kind on both paths, got 'rayleigh' and 'jakes'"),
        ("rayleigh", "{kind: rayleigh, coherence_ms: 3}", "the same fading on both paths but for k_db, got coherence_ms 10.0 and 3"),
        ("{kind: jakes, doppler_hz: 3}", "{kind: jakes, doppler_hz: 4}", "doppler_hz 3.0 and 4.0"),
    ],
)  # fmt: skip
def test_a_correlation_needs_like_paths(bob: str, eve: str, message: str) -> None:
    with pytest.raises(LinksimError, match=re.escape(message)) as refused:
        scenario_from_text(BOTH.format(bob, eve), "f.yaml")
    assert "f.yaml:3:16: channel.correlation" in str(refused.value)


def test_the_line_of_sight_may_differ() -> None:
    scenario_from_text(BOTH.format("rician", "{kind: rician, k_db: 0}"))
