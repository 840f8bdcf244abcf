"""Figures of the channel, the constellation and the session match the trace."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from plot_tables import MS, Tables, one_group

from linksim.enums import MessageKind, Node, Origin
from linksim.plots import constellation, sequence
from linksim.plots.channel import channel_figure
from linksim.plots.constellation import constellation_figure, evm_db
from linksim.plots.error_rates import ErrorRateCurve, error_rate_figure
from linksim.plots.sequence import ChartMessage, depth_scale, excerpts, messages
from linksim.plots.session import session_figure
from linksim.plots.trace_view import TraceView, read_view
from linksim.statistics import wilson


def view_of(given: Any) -> TraceView:
    return read_view(Tables(given))


def lines(panel: Axes, name: str) -> list[Any]:
    return [line for line in panel.get_lines() if line.get_label() == name]


def test_gains_and_snr_match_the_trace() -> None:
    view = view_of(one_group(8))
    figure = channel_figure(view)
    assert figure is not None
    gain, at_bob, at_eve = figure.axes
    group = view.groups[0]
    for receiver, name, panel in ((Node.BOB, "Bob's path", at_bob), (Node.EVE, "Eve's path", at_eve)):
        own = group.channel.take(group.channel.receiver == receiver)
        (line,) = lines(gain, name)
        np.testing.assert_allclose(line.get_ydata(), own.gain_db)
        np.testing.assert_allclose(lines(panel, f"{name[:3]}: sampled")[0].get_ydata(), own.gain_db + own.mean_snr_db)
    changes = lines(gain, "Bob's path")[0].get_xdata()[1:][np.diff(lines(gain, "Bob's path")[0].get_ydata()) != 0]
    np.testing.assert_allclose(changes % 4, 0, atol=1e-9)  # ms: the gain changes at the start of a block
    shown = (group.bob.receptions.time_ns + 1 * MS) / MS  # middle of a frame of 2 ms
    for name, value in (("during a data frame", group.bob.receptions.snr_db), ("estimated by the receiver", None)):
        (line,) = lines(at_bob, f"Bob: {name}")
        seen = shown <= gain.get_xlim()[1]
        np.testing.assert_allclose(line.get_xdata(), shown[seen])
        np.testing.assert_allclose(line.get_ydata(), (group.bob.receptions.estimated_snr_db if value is None else value)[seen])


def test_coherence_blocks_and_jamming_are_tinted_at_their_times() -> None:
    figure = channel_figure(view_of(one_group(8)))
    assert figure is not None
    gain, at_bob = figure.axes[:2]

    def spans(panel: Axes) -> list[list[tuple[float, float]]]:
        return [[(path.get_extents().x0, path.get_extents().x1) for path in bars.get_paths()] for bars in panel.collections]

    assert spans(gain) == [[(4.0, 8.0), (12.0, 16.0), (20.0, 24.0)], [(4.0, 10.0)]]
    assert spans(at_bob) == [[(4.0, 10.0)]]
    assert [text.get_text() for text in figure.legends[0].get_texts()].count("Bob's coherence blocks, every other one") == 1


def test_symbols_match_the_trace_and_have_the_colour_of_their_quadrant() -> None:
    view = view_of(one_group(3))
    figure = constellation_figure(view)
    assert figure is not None
    own = view.groups[0].constellation.take(view.groups[0].constellation.receiver == Node.BOB)
    for panel, re, im in ((figure.axes[0], own.rx_re, own.rx_im), (figure.axes[1], own.equalised_re, own.equalised_im)):
        drawn = [line for line in panel.get_lines() if line.get_marker() == "."]
        assert sum(len(line.get_xdata()) for line in drawn) == len(own)
        for line, colour, (right, up) in zip(drawn, constellation.QUADRANTS.values(), ((1, 1), (-1, 1), (-1, -1), (1, -1)), strict=True):
            mine = (np.sign(own.tx_re) == right) & (np.sign(own.tx_im) == up)
            np.testing.assert_array_equal(line.get_xdata(), re[mine])
            np.testing.assert_array_equal(line.get_ydata(), im[mine])
            assert line.get_color() == colour
    error = np.mean((own.equalised_re - own.tx_re) ** 2 + (own.equalised_im - own.tx_im) ** 2)
    assert figure.axes[1].get_title(loc="left") == f"equalised, EVM {10 * np.log10(error):.1f} dB"  # QPSK has unit power
    (crosses,) = [line for line in figure.axes[1].get_lines() if line.get_marker() == "+"]
    assert sorted(np.round(np.abs(crosses.get_xdata()), 3)) == [0.707] * 4


def test_panels_of_all_groups_and_receivers_have_the_same_axes() -> None:
    given = one_group(8, links=2)
    channel, symbols = given["channel"], given["constellation"]
    for table in (channel, symbols):
        table["link"] = np.zeros(len(table["time_ns"]))
        given["channel" if table is channel else "constellation"] = {
            name: np.concatenate([values, np.asarray(values) + (name == "link")]) for name, values in table.items()
        }
    given["channel"]["mean_snr_db"] = given["channel"]["mean_snr_db"] - 20.0 * given["channel"]["link"]
    given["constellation"]["rx_re"] = given["constellation"]["rx_re"] * (1 + 3 * given["constellation"]["link"])
    view = read_view(Tables(given | {"links": {"link": [0, 1], "group": [0, 1]}}, ("near", "far")))
    paths, points = channel_figure(view), constellation_figure(view)
    assert paths is not None
    assert points is not None
    gains, snrs = paths.axes[:2], paths.axes[2:]
    assert len({(panel.get_xlim(), panel.get_ylim()) for panel in gains}) == 1
    assert len({(panel.get_xlim(), panel.get_ylim()) for panel in snrs}) == 1
    assert len(snrs) == 4  # Bob and Eve in two groups
    for panels in (points.axes[::2], points.axes[1::2]):  # received, and equalised
        assert len({panel.get_xlim() for panel in panels} | {panel.get_ylim() for panel in panels}) == 1


def test_a_channel_without_fading_has_no_panels_of_gains_and_exact_estimates_are_not_drawn() -> None:
    given = one_group(8)
    given["channel"]["gain_db"] = np.zeros(len(given["channel"]["time_ns"]))
    given["receptions"]["estimated_snr_db"] = given["receptions"]["snr_db"]
    figure = channel_figure(view_of(given))
    assert figure is not None
    assert [panel.get_ylabel() for panel in figure.axes] == ["SNR at Bob (dB)", "SNR at Eve (dB)"]
    assert not [text for text in figure.legends[0].get_texts() if "estimated" in text.get_text() or "path" in text.get_text()]


def test_the_density_of_many_symbols_counts_all() -> None:
    draw = np.random.default_rng(0)
    count = constellation.DENSE
    noise = draw.normal(0, 0.05, (2, count))
    given = one_group(1)
    given["constellation"] = {"tx_re": np.ones(count), "rx_re": 1 + noise[0], "rx_im": noise[1], "equalised_re": 1 + noise[0]}
    figure = constellation_figure(view_of(given))
    assert figure is not None
    (cells,) = figure.axes[0].get_images()
    assert (cells.get_array() ** 2).sum() == pytest.approx(count, rel=2 * (1 - constellation.WITHIN))


def test_error_vector_magnitude_is_noise_over_signal() -> None:
    draw = np.random.default_rng(1)
    sent = draw.normal(size=100_000) + 1j * draw.normal(size=100_000)
    noise = (draw.normal(size=100_000) + 1j * draw.normal(size=100_000)) * 0.1
    assert evm_db(sent + noise, sent) == pytest.approx(-20, abs=0.05)
    assert np.isnan(evm_db(noise, 0 * sent))


def exchange() -> Any:
    """A lost probe, its repetition, the report, a forged copy of it; then frames of which one was not sent and one had no parameters."""
    probe, report = MessageKind.PROBE, MessageKind.REPORT
    return one_group(1, jam=False) | {
        "control": {
            "time_ns": np.array([0, 5, 6, 6]) * MS,
            "airtime_ns": np.array([1, 1, 1, 0]) * MS,
            "sender": [Node.ALICE, Node.ALICE, Node.BOB, Node.BOB],
        }
        | {"message": [probe, probe, report, report], "sequence": [4] * 4, "attempt": [0, 1, 0, 0], "outcome": [1, 0, 0, 2]}
        | {"origin": [0, 0, 0, Origin.FORGERY]},
        "frames": {"time_ns": np.array([8, 20, 90]) * MS, "airtime_ns": np.array([2, 0, 2]) * MS, "frame": [0, 1, 2], "outcome": [0, 2, 1]},
    }


def test_a_sequence_has_every_message_with_its_outcome() -> None:
    view = view_of(exchange())
    found = messages(view.groups[0], 0)
    assert [(m.name, m.outcome, m.by_alice, m.used, m.on_air) for m in found] == [
        ("PROBE 4", "lost", True, False, True),
        ("PROBE 4, try 2", "accepted", True, True, True),
        ("REPORT 4", "accepted", False, True, True),
        ("REPORT 4 forged", "refused", False, False, False),
        ("frame 0", "decoded", True, True, True),
        ("frame 1", "not sent", True, False, False),
        ("frame 2", "no parameters", True, False, True),
    ]
    assert [round(1e6 * m.end_s) for m in found[:3]] == [1001, 6001, 7001]  # airtime and propagation delay in us
    assert [round(1e6 * m.start_s) for m in found[:4]] == [0, 5000, 6000, 7001]  # the forgery has the arrival time of the true message


def test_the_chart_marks_lost_messages_and_notes_those_not_on_the_air() -> None:
    figure = session_figure(view_of(exchange()))
    assert figure is not None
    (panel,) = figure.axes
    assert len([line for line in panel.get_lines() if line.get_marker() == "x"]) == 1
    texts = [text.get_text() for text in panel.texts]
    arrows = [text for text in panel.texts if getattr(text, "arrow_patch", None) is not None]
    assert len(arrows) == 5
    ends = {(round(arrow.xyann[0], 2), round(arrow.xy[0], 2)) for arrow in arrows}
    assert ends == {(0, 0.55), (0, 1), (1, 0)}
    notes = {"REPORT 4 forged: refused", "frame 1: not sent", "frame 2: no parameters", "70 ms idle"}
    assert notes | {"PROBE 4", "PROBE 4, try 2", "REPORT 4", "frame 0", "0.00", "5.00", "90.00"} <= set(texts)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["control message", "control message, lost", "data frame", "data frame, received, but not usable"]


spans = st.tuples(st.floats(0, 50), st.floats(0.1, 5), st.booleans())


@settings(max_examples=60)
@given(st.lists(spans, min_size=1, max_size=60))
def test_excerpts_and_their_scale_preserve_the_order_of_time(drawn: list[tuple[float, float, bool]]) -> None:
    now, every = 0.0, []
    for i, (gap, length, used) in enumerate(drawn):
        now += gap
        every.append(ChartMessage(now, now + length, True, False, f"PROBE {i}", "accepted" if used else "lost", used))
        now += length
    parts = excerpts(every)
    assert parts[0][1] == every[: sequence.EXCERPT]
    assert all(0 < len(part) <= sequence.EXCERPT for _, part in parts)
    lost = [m for m in every if not m.used]
    assert not lost or any(lost[0] in part for _, part in parts)
    for _, part in parts:
        place = depth_scale(part)
        assert (np.diff(place.depth) >= 0).all()
        for message in part:
            assert sequence.ARROW[0] - 1e-9 <= place(message.end_s) - place(message.start_s) <= sequence.ARROW[1] + 1e-9
        assert place.height <= len(part) * (sequence.ARROW[1] + sequence.IDLE[1]) + sequence.NOTE


def test_measured_rates_are_drawn_with_upper_bounds_for_points_without_errors() -> None:
    found = tuple(wilson(errors, 1000) for errors in (100, 10, 0))
    snr_db = np.array([0.0, 1.0, 2.0])
    curves = tuple(ErrorRateCurve(f"c{i}", snr_db + i, found, limit_db=-1.0) for i in range(4))
    figure = error_rate_figure(curves, curves)
    for panel in figure.axes:
        for i, container in enumerate(panel.containers):
            np.testing.assert_allclose(container.lines[0].get_xdata(), [i, i + 1])
            np.testing.assert_allclose(container.lines[0].get_ydata(), [0.1, 0.01])
        bounds = [line for line in panel.get_lines() if line.get_marker() == "v" and len(line.get_xdata())]
        assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in bounds] == [(2 + i, found[2].high) for i in range(4)]
