"""Control frames as symbols: their length, and the receiver's channel knowledge."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from linksim.frames import ControlFrame
from linksim.medium.control_phy import ControlPhy
from linksim.phy.path import ChannelRealisation
from linksim.rng import Streams
from linksim.scenario.channel import Path
from linksim.scenario.nodes import Radio
from linksim.worker import Worker

RAW = bytes(range(77))


def control_phy(csi: str = "perfect", **radio: Any) -> ControlPhy:
    return ControlPhy(Radio(**radio), Path.model_validate({"csi": csi}), Streams(3).key("test"), Worker())


def frame(raw: bytes = RAW, *, probe: bool = False) -> ControlFrame:
    return ControlFrame(raw, sender=0, message=0, sequence=0, attempt=0, probe=probe)


def realisation(gain: complex | NDArray[np.complex64] = 1.0, snr_db: float = 20.0) -> ChannelRealisation:
    return ChannelRealisation(np.atleast_1d(np.asarray(gain, np.complex64)), 10 ** (-snr_db / 10), snr_db, snr_db)


def lost(
    node: ControlPhy, copies: int, jamming_power: Any = None, snr_db: float = 20.0, gain: complex = 1.0, *, probe: bool = False
) -> int:
    sent = frame(probe=probe)
    symbols = node.symbols(sent)
    return sum(node.receive(sent, symbols, realisation(gain, snr_db), jamming_power, number)[0]() != RAW for number in range(copies))


@pytest.mark.parametrize("csi", ["perfect", "pilots"])
@pytest.mark.parametrize("coding", ["ldpc", "none"])
@pytest.mark.parametrize("probe", [False, True])
def test_frames_begin_with_pilots_if_the_receiver_needs_them(csi: str, coding: str, probe: bool) -> None:
    node = control_phy(csi, control_coding=coding, control_repeats=3, pilots=20)
    sent = frame(probe=probe)
    symbols = node.symbols(sent)
    payload = 3 * (632 if coding == "ldpc" else 616)
    assert len(symbols) == payload + (20 if probe or csi == "pilots" else 0)
    assert node.channel_uses(len(RAW)) == payload + (20 if csi == "pilots" else 0)
    raw, snr_db = node.receive(sent, symbols, realisation(0.6j), None, 7)
    assert raw() == RAW
    assert np.isnan(snr_db) == (not probe and csi == "perfect")


@pytest.mark.parametrize("csi", ["perfect", "pilots"])
def test_a_constant_gain_is_equalised(csi: str) -> None:
    assert lost(control_phy(csi), 20, snr_db=12.0, gain=0.3 * np.exp(2.5j)) == 0


def test_pilots_measure_the_snr_of_the_message() -> None:
    """4,096 pilots measure 10 dB within 0.3 dB (over 4 standard errors), in probes and, for csi pilots, in every frame."""
    for csi, probe in (("perfect", True), ("pilots", False)):
        node, sent = control_phy(csi, pilots=4096), frame(probe=probe)
        assert node.receive(sent, node.symbols(sent), realisation(1.0, 10.0), None, 0)[1] == pytest.approx(10.0, abs=0.3)


def test_known_interference_is_tolerated_where_unknown_interference_is_not() -> None:
    """A burst at 13 dB above the signal hits a third of a message sent once; the code recovers it only if the burst is known."""
    jamming_power = np.zeros(32 + 632, np.float32)
    jamming_power[32:200] = jamming_power[400:450] = 20.0
    assert lost(control_phy(control_repeats=1), 10, jamming_power[32:]) == 0
    assert lost(control_phy("pilots", control_repeats=1), 10, jamming_power) == 10


def test_each_copy_is_combined_with_its_own_gain() -> None:
    """A gain that rotates the second copy does not cancel the first."""
    node = control_phy()
    sent = frame()
    symbols = node.symbols(sent)
    gain = np.repeat(np.array([1, -0.9j], np.complex64), len(symbols) // 2)
    assert node.receive(sent, symbols, realisation(gain, 6.0), None, 0)[0]() == RAW


def test_noise_depends_on_the_number_of_the_frame() -> None:
    node, sent = control_phy(control_coding="none", control_repeats=1), frame()
    symbols = node.symbols(sent)
    received = [node.receive(sent, symbols, realisation(1.0, -3.0), None, number)[0]() for number in (1, 2, 1)]
    assert received[0] == received[2] != received[1]
