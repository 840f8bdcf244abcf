"""Control frames on the air: their length, and what their hearer knows of the channel."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from linksim.phy.path import Stretch
from linksim.rng import Streams
from linksim.scenario.channel import Path
from linksim.scenario.nodes import Radio
from linksim.world.frames import ControlFrame
from linksim.world.signalling import Signalling

RAW = bytes(range(77))


def signalling(csi: str = "perfect", **radio: Any) -> Signalling:
    return Signalling(Radio(**radio), Path.model_validate({"csi": csi}), Streams(3).key("test"))


def frame(raw: bytes = RAW, *, probe: bool = False) -> ControlFrame:
    return ControlFrame(raw, sender=0, message=0, sequence=0, attempt=0, probe=probe)


def stretch(gain: complex | NDArray[np.complex64] = 1.0, snr_db: float = 20.0) -> Stretch:
    return Stretch(np.atleast_1d(np.asarray(gain, np.complex64)), 10 ** (-snr_db / 10), snr_db, snr_db)


def lost(node: Signalling, copies: int, jam: Any = None, snr_db: float = 20.0, gain: complex = 1.0, *, probe: bool = False) -> int:
    sent = frame(probe=probe)
    symbols = node.symbols(sent)
    return sum(node.receive(sent, symbols, stretch(gain, snr_db), jam, number)[0] != RAW for number in range(copies))


@pytest.mark.parametrize("csi", ["perfect", "pilots"])
@pytest.mark.parametrize("coding", ["ldpc", "none"])
@pytest.mark.parametrize("probe", [False, True])
def test_pilots_stand_in_front_where_somebody_needs_them(csi: str, coding: str, probe: bool) -> None:
    node = signalling(csi, control_coding=coding, control_repeats=3, pilots=20)
    sent = frame(probe=probe)
    symbols = node.symbols(sent)
    payload = 3 * (632 if coding == "ldpc" else 616)
    assert len(symbols) == payload + (20 if probe or csi == "pilots" else 0)
    assert node.uses(len(RAW)) == payload + (20 if csi == "pilots" else 0)
    raw, snr_db = node.receive(sent, symbols, stretch(0.6j), None, 7)
    assert raw == RAW
    assert np.isnan(snr_db) == (not probe and csi == "perfect")


@pytest.mark.parametrize("csi", ["perfect", "pilots"])
def test_a_fade_that_turns_and_weakens_is_undone(csi: str) -> None:
    assert lost(signalling(csi), 20, snr_db=12.0, gain=0.3 * np.exp(2.5j)) == 0


def test_pilots_measure_what_a_message_meets() -> None:
    """10 dB, on 4,096 pilots within 0.3 dB (over 4 standard errors), in front of a probe and of every frame where nothing else is known."""
    for csi, probe in (("perfect", True), ("pilots", False)):
        node, sent = signalling(csi, pilots=4096), frame(probe=probe)
        assert node.receive(sent, node.symbols(sent), stretch(1.0, 10.0), None, 0)[1] == pytest.approx(10.0, abs=0.3)


def test_who_knows_the_interference_bears_a_burst_that_others_do_not() -> None:
    """A third of a message sent once meets 13 dB more than the signal; the rest would do for the code, if one knew which it is."""
    jam = np.zeros(32 + 632, np.float32)
    jam[32:200] = jam[400:450] = 20.0
    assert lost(signalling(control_repeats=1), 10, jam[32:]) == 0
    assert lost(signalling("pilots", control_repeats=1), 10, jam) == 10


def test_a_symbol_of_each_copy_meets_its_own_gain() -> None:
    """A fade that turns the second copy over does not cancel the first."""
    node = signalling()
    sent = frame()
    symbols = node.symbols(sent)
    gain = np.repeat(np.array([1, -0.9j], np.complex64), len(symbols) // 2)
    assert node.receive(sent, symbols, stretch(gain, 6.0), None, 0)[0] == RAW


def test_noise_belongs_to_the_number_of_the_frame() -> None:
    node, sent = signalling(control_coding="none", control_repeats=1), frame()
    symbols = node.symbols(sent)
    heard = [node.receive(sent, symbols, stretch(1.0, -3.0), None, number)[0] for number in (1, 2, 1)]
    assert heard[0] == heard[2] != heard[1]
