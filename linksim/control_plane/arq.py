"""Stop-and-wait ARQ: send a message, wait for its answer, retransmit after a timeout, give up after a number of transmissions.

    transmission 0 | timeout | transmission 1 | 2 timeouts | transmission 2 | 4 timeouts | transmission 3 | 8 timeouts | 4 | 8 timeouts ...

The timeout doubles with every transmission up to `MAX_BACKOFF` times its first value. It begins at the end of a transmission. It must cover
the answer's airtime, twice the propagation delay and the peer's processing time, else every message is sent twice.
"""

from collections.abc import Callable, Generator
from typing import Any

import simpy

MAX_BACKOFF = 8  # largest timeout, relative to the first one

Process = Generator[Any, Any, Any]


class StopAndWait:
    """The retransmission timer of one endpoint. At most one exchange is under way at a time.

    max_transmissions  number of transmissions after which an exchange fails
    timeout_ns         first timeout in ns, counted from the end of the transmission
    """

    def __init__(self, env: simpy.Environment, max_transmissions: int, timeout_ns: int) -> None:
        self._env, self._max_transmissions, self._timeout_ns = env, max_transmissions, timeout_ns
        self._awaited: tuple[Callable[[Any, int], bool], int, simpy.Event] | None = None
        self._aborted = 0

    def exchange(
        self,
        send: Callable[[int], Process],
        is_answer: Callable[[Any, int], bool],
        extra_wait_ns: int = 0,
        requests_retransmission: Callable[[Any], bool] = lambda _: False,
        max_transmissions: int | None = None,
    ) -> Generator[Any, Any, Any]:
        """SimPy process that transmits until the answer arrives.

        Returns the answer, or None if no answer arrived or `abort` was called.

        send                     process that makes transmission number `attempt`, counted from 0
        is_answer                returns whether a message answers the given attempt
        extra_wait_ns            time in ns that is added to every timeout
        requests_retransmission  returns whether an answer asks for the next transmission at once
        max_transmissions        number of transmissions of this exchange, None for the endpoint's own
        """
        aborted_before = self._aborted
        for attempt in range(max_transmissions or self._max_transmissions):
            answered = self._env.event()
            self._awaited = is_answer, attempt, answered
            yield from send(attempt)
            yield answered | self._env.timeout(self._timeout_ns * min(2**attempt, MAX_BACKOFF) + extra_wait_ns)
            self._awaited = None
            if self._aborted != aborted_before:
                return None
            if answered.triggered and not requests_retransmission(answered.value):
                return answered.value
        return None

    def receive(self, message: Any) -> None:
        """Process a received message. The awaited answer ends the wait; any other message is ignored."""
        if self._awaited is not None:
            is_answer, attempt, answered = self._awaited
            if is_answer(message, attempt):
                answered.succeed(message)
                self._awaited = None

    def abort(self) -> None:
        """Let the exchange that is under way fail now."""
        self._aborted += 1
        if self._awaited is not None:
            self._awaited[-1].succeed(None)
            self._awaited = None
