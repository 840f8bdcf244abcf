"""Deferred signals arrive when the block ends, and the former handlers are back in place."""

import signal
import threading
from collections.abc import Iterator

import pytest
import simpy

from linksim.interrupts import SIGNALS, Terminated, deferred, deferring


def terminate(number: int, frame: object) -> None:
    raise Terminated


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The handlers of the command line, which raise, and a check that every test leaves them in place."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, terminate)
    yield
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == (signal.default_int_handler, terminate)
    assert not deferring()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_signal_arrives_when_the_block_ends(number: int, error: type[BaseException]) -> None:
    reached = []
    with pytest.raises(error) as raised, deferred() as waiting:  # noqa: PT012
        assert not waiting()
        signal.raise_signal(number)
        assert waiting()
        assert deferring()
        reached.append("end")
    assert reached == ["end"]
    assert type(raised.value) is error


def test_a_termination_that_passes_through_a_simulation_keeps_its_signal() -> None:
    """SimPy raises another exception of the same type and arguments."""
    env = simpy.Environment()

    def process() -> Iterator[simpy.Event]:
        yield env.timeout(1)
        raise Terminated(signal.SIGHUP)

    env.process(process())
    with pytest.raises(Terminated) as raised:
        env.run()
    assert raised.value.number == signal.SIGHUP


def test_the_first_of_several_signals_counts() -> None:
    with pytest.raises(Terminated), deferred():  # noqa: PT012
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            signal.raise_signal(number)


def test_blocks_may_be_nested() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), deferred():  # noqa: PT012
        with deferred():
            signal.raise_signal(signal.SIGINT)
        reached.append("outer")
    assert reached == ["outer"]


def test_a_second_signal_ends_the_block_on_request() -> None:
    reached = []
    with pytest.raises(Terminated) as raised, deferred(second_ends=True):  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        reached.append("first")
        signal.raise_signal(signal.SIGTERM)
        reached.append("second")
    assert reached == ["first"]
    assert isinstance(raised.value, KeyboardInterrupt)


def test_an_exception_of_the_block_passes() -> None:
    with pytest.raises(ZeroDivisionError), deferred():
        raise ZeroDivisionError


def test_ignored_signals_remain_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with deferred() as waiting:
        signal.raise_signal(signal.SIGINT)
        assert not waiting()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_defer_nothing() -> None:
    seen = []

    def work() -> None:
        with deferred() as waiting:
            seen.append((waiting(), deferring()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, False)]
