"""The estimate: counts that can be worked out by hand, and text that is itself a scenario."""

import math
import time
from dataclasses import replace

import pytest

from linksim.computation import computation
from linksim.cost import MachineSpeed, NetworkUse
from linksim.errors import ScenarioError
from linksim.nets.speed import machine_speed
from linksim.phy.snr_preview import snr_preview
from linksim.phy.snr_stochastic import CHUNK, GaussMarkov
from linksim.records import ControlSent, FrameSent, ImageScore, KeptImage, Reception
from linksim.rng import StreamKey
from linksim.scenario.control_size import control_channel_uses, header_channel_uses
from linksim.scenario.estimate import estimate, estimate_lines, readable, row_bytes
from linksim.scenario.load import load_scenario, scenario_from_text, shipped_names
from linksim.scenario.resources import START_S, network_s
from linksim.scenario.schema import Scenario
from linksim.simulate.run import run
from linksim.wire_layout import header_bytes, message_bytes

SILENT = """\
name: x
links: 3
frames: 20
alice: {images_per_frame: 5, processing: {fixed_us: 0, per_image_us: 0}}
session: {probe_interval_ms: 0}
"""


def with_lines(*lines: str) -> Scenario:
    return scenario_from_text(SILENT + "\n".join(lines))


def test_frames_and_images_of_a_link_without_control() -> None:
    found = estimate(with_lines())
    assert (found.frames, found.images, found.control, found.control_at_most) == (60, 300, 0, 0)
    header = header_channel_uses(with_lines().groups["link"].radio, header_bytes(session=False))
    assert found.simulated_s == pytest.approx(20 * (5 * 512 + 32 + header) / 1e6)  # pilots, header and payload, one after the other
    sent = {"links": 3, "frames": 60, "receptions": 60, "scores": 300, "control": 0, "jamming": 0}
    kept = {"images": 16, "channel": 400, "constellation": 4 * 256}
    absent = "decisions", "rewards", "keys", "detections", "attack_strengths", "disagreements"
    assert dict(found.rows) == sent | kept | dict.fromkeys(absent, 0)


def test_an_eve_doubles_what_is_received_and_adds_a_picture() -> None:
    rows = dict(estimate(with_lines("eve: inverse-network")).rows)
    assert (rows["receptions"], rows["scores"], rows["images"], rows["channel"], rows["constellation"]) == (120, 600, 24, 800, 2048)


def test_the_interval_and_the_limit_bound_the_frames() -> None:
    scenario = scenario_from_text(SILENT.replace("alice: {", "alice: {frame_interval_ms: 100, ") + "max_time_s: 1\n")
    found = estimate(scenario)
    assert found.frames == 3 * 10
    assert found.simulated_s == pytest.approx(1.0)


def test_keys_from_the_table_cost_two_messages_a_frame_and_derived_ones_none() -> None:
    table = with_lines("scheme: [permutation, deepjscc]")
    derived = scenario_from_text(SILENT + "scheme: [{name: permutation, keys: derived}, deepjscc]")
    assert (estimate(table).control, estimate(derived).control) == (3 * (2 + 2 * 20), 3 * 2)  # hello and accept, key and ack
    radio = table.groups["link"].radio
    key_s = (
        control_channel_uses(radio, message_bytes("key", pairs=5)) + control_channel_uses(radio, message_bytes("ack"))
    ) / 1e6 + 2e-6  # five images, each paired with noise; 1 us of propagation each
    assert estimate(table).simulated_s - estimate(derived).simulated_s == pytest.approx(20 * key_s)


def test_probes_follow_their_interval() -> None:
    scenario = scenario_from_text("{name: x, frames: 100, alice: {frame_interval_ms: 10}, session: {probe_interval_ms: 20}}")
    assert estimate(scenario).control == 2 + 3 * 50  # one round for every second frame


def test_a_pulsed_jammer_is_on_once_a_period() -> None:
    scenario = with_lines("jammer: {kind: pulsed, period_ms: 10, on_ms: 1, start_ms: 1}")
    seconds = estimate(scenario).simulated_s
    assert dict(estimate(scenario).rows)["jamming"] == 3 * -(-(seconds - 1e-3) // 10e-3)


def test_intervals_of_the_other_jammers_follow_their_words() -> None:
    """20 frames of 2.8 ms on each of 3 links, without control messages."""

    def intervals(jammer: str) -> int:
        return dict(estimate(with_lines(f"jammer: {jammer}")).rows)["jamming"]

    seconds = estimate(with_lines()).simulated_s
    assert intervals("barrage") == 3  # recorded in slices of 100 ms
    assert intervals("{kind: markov, mean_on_ms: 1, mean_off_ms: 4}") == 3 * -(-seconds // 5e-3)
    assert intervals("{kind: sweep, dwell_ms: 1}") == 3 * -(-seconds // 3e-3)
    assert intervals("{kind: reactive, miss_probability: 0.5}") == 3 * 10
    assert intervals("{kind: reactive, target: control}") == 0
    assert intervals("adversarial") == 3 * 20
    assert intervals("{kind: adversarial, start_ms: 1e6}") == 0


def test_the_trace_grows_by_the_bytes_of_its_columns() -> None:
    small, large = (estimate(with_lines(f"trace: {{images: {images}}}")) for images in (0, 10))
    assert large.trace_bytes - small.trace_bytes == 20 * (row_bytes(KeptImage) - 1 + 1 + 3 * 32 * 32)
    more = estimate(scenario_from_text(SILENT.replace("frames: 20", "frames: 1020")))
    grown = 3 * 1000 * (row_bytes(FrameSent) + row_bytes(Reception) + 5 * row_bytes(ImageScore))
    assert more.trace_bytes - estimate(with_lines()).trace_bytes == grown


def test_row_bytes_are_those_of_the_types() -> None:
    assert row_bytes(ControlSent) == 8 + 8 + 4 + 1 + 1 + 8 + 2 + 4 + 4 + 1 + 1


def test_a_trace_that_no_disk_holds_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"frames: the trace would take about 2\.\d TiB, allowed: 64.0 GiB"):
        scenario_from_text("{name: x, frames: 10000000, links: 1000, max_time_s: 1000000}")
    assert scenario_from_text("{name: x, frames: 10000000, links: 10, max_time_s: 1000000}").frames == 10_000_000


MOVING = "channel: {bob: {snr: {kind: path-loss, shadowing_std_db: 3, shadowing_distance_m: 8}}, geometry: {alice: {velocity_mps: [3, 4]}}}"


@pytest.mark.parametrize(
    ("channel", "grid_ms"),
    [
        ("channel: {bob: {snr: {kind: gauss-markov, coherence_ms: 1.6}}}", 0.1),
        ("channel: {bob: {snr: {kind: two-state, good_ms: 3, bad_ms: 1}}}", 2.0),
        ("channel: {bob: {snr: {kind: random-walk, interval_ms: 5}}}", 5.0),
        ("channel: {bob: {snr: sine}}", math.inf),
        ("channel: {bob: {snr: {kind: path-loss, shadowing_std_db: 3}}}", math.inf),
        (MOVING, 100.0),  # 8 m at 5 m/s are 1600 ms
    ],
)
def test_values_of_the_snr_are_those_of_its_grid(channel: str, grid_ms: float) -> None:
    found = estimate(with_lines(channel))
    assert found.snr_values == math.ceil(3 * 1e3 * found.simulated_s / grid_ms)


def test_values_of_the_snr_are_those_that_a_process_generates() -> None:
    path = GaussMarkov(0.0, 1.0, 16_000, StreamKey(1, 2))
    path.at(10_000_000)
    assert (len(path._chunks.start_states) - 1) * CHUNK == pytest.approx(10_000_000 / 1000, rel=0.03)


@pytest.mark.parametrize("snr", ["{kind: gauss-markov, coherence_ms: 0.001}", "{kind: two-state, good_ms: 0.001, bad_ms: 0.001}"])
def test_microseconds_over_days_are_refused(snr: str) -> None:
    text = "{name: x, frames: 1000, max_time_s: 1000000, alice: {frame_interval_ms: 90000}, channel: {eve: {snr: %s}}%s}"
    assert scenario_from_text(text % (snr, "")).frames == 1000  # without an Eve this path is not used
    with pytest.raises(ScenarioError, match=r"<trace>: channel: the SNR would change about .*e\+1\d times in 9e\+04 s, allowed: 1e\+09"):
        scenario_from_text(text % (snr, ", eve: inverse-network"))


FINE = ["{kind: gauss-markov, coherence_ms: 0.16}", "{kind: random-walk, interval_ms: 0.01}"]
FINE += ["{kind: two-state, good_ms: 0.01, bad_ms: 0.01}"]


@pytest.mark.parametrize("snr", FINE)
def test_a_preview_of_a_fine_grid_is_bounded(snr: str) -> None:
    scenario = with_lines(f"channel: {{bob: {{snr: {snr}}}}}")
    started = time.process_time()
    (line,) = snr_preview(scenario, seconds=1e6)
    assert time.process_time() - started < 5.0
    assert line.details == "first 2 s"
    assert line.low_db < line.high_db
    (whole,) = snr_preview(scenario, seconds=1.0)
    assert whole.details == ""


@pytest.mark.parametrize("name", shipped_names())
def test_the_lines_of_an_estimate_name_frames_and_probe_rounds(name: str) -> None:
    scenario = load_scenario(name)
    lines = estimate_lines(scenario, estimate(scenario), measured=False)
    assert f"frames     {estimate(scenario).frames:,} with" in "\n".join(lines)
    probed = [name for name, options in scenario.groups.items() if options.session.probe_interval_ms]
    assert all(any(line.startswith("probes") and name in line for line in lines) for name in probed)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (64 << 30, "64.0 GiB"), (2**55, "32768.0 TiB")]
)
def test_sizes_in_words(count: int, words: str) -> None:
    assert readable(count) == words


@pytest.mark.slow
@pytest.mark.parametrize(("name", "keys"), [("awgn-baseline", ()), ("quickstart", ("frames=20",)), ("rayleigh", ())])
def test_the_predicted_time_is_within_a_factor_of_two(name: str, keys: tuple[str, ...]) -> None:
    scenario = load_scenario(name, keys)
    with computation(1):
        predicted_s = estimate(scenario, machine_speed()).cpu_s
    started = time.process_time()
    run(scenario)
    assert 0.5 < predicted_s / (START_S + time.process_time() - started) < 2.0


def test_the_predicted_time_is_that_of_the_precision_that_the_card_gives() -> None:
    """Codec and classifier compute in bfloat16 on a processor with AMX, and attacks with gradients in float32 everywhere."""
    texts = "", "  compute: {precision: float32}\n", "  compute: {precision: bfloat16}\n"
    auto, full, half = (scenario_from_text(f"name: x\nframes: 10\nlinks: 2\n{text.strip()}\n") for text in texts)
    fast, slow = MachineSpeed(1e9, 1e12, "cpu-amx"), MachineSpeed(1e9, 1e12, "cpu")
    assert estimate(auto, fast).cpu_s == estimate(half, fast).cpu_s < estimate(full, fast).cpu_s
    assert estimate(auto, slow).cpu_s == estimate(full, slow).cpu_s == estimate(full, fast).cpu_s
    use = NetworkUse("codec-cifar10-6")
    assert network_s(replace(use, gradient=True), "bfloat16", fast) == 3 * network_s(use, "float32", fast)
