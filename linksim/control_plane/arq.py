"""Stop and wait: send, wait for the answer, send again, give up after a number of attempts. The wait doubles up to a bound."""

from collections.abc import Callable, Generator
from typing import Any

import simpy

LONGEST_WAIT = 8  # times the first wait

Step = Generator[Any, Any, Any]


class StopAndWait:
    """One end's waiting for answers, one at a time.

    attempts     transmissions before it gives up
    patience_ns  the first wait, from the end of the transmission on
    """

    def __init__(self, env: simpy.Environment, attempts: int, patience_ns: int) -> None:
        self._env, self._attempts, self._patience_ns = env, attempts, patience_ns
        self._awaited: tuple[Callable[[Any, int], bool], int, simpy.Event] | None = None
        self._aborted = 0

    def exchange(
        self,
        send: Callable[[int], Step],
        answers: Callable[[Any, int], bool],
        more_ns: int = 0,
        again: Callable[[Any], bool] = lambda _: False,
        attempts: int | None = None,
    ) -> Generator[Any, Any, Any]:
        """`send(attempt)` until a message is received that answers it -> that message, or None where none came or `abort` was called.

        answers   tells whether a message answers the attempt of that number
        more_ns   added to every wait
        again     tells of an answer that asks for the next attempt at once
        attempts  where it is another number than for all other exchanges
        """
        begun = self._aborted
        for attempt in range(attempts or self._attempts):
            answered = self._env.event()
            self._awaited = answers, attempt, answered
            yield from send(attempt)
            yield answered | self._env.timeout(self._patience_ns * min(2**attempt, LONGEST_WAIT) + more_ns)
            self._awaited = None
            if self._aborted != begun:
                return None
            if answered.triggered and not again(answered.value):
                return answered.value
        return None

    def hear(self, message: Any) -> None:
        """A message came: if it is the awaited one, the waiting is over."""
        if self._awaited is not None:
            answers, attempt, answered = self._awaited
            if answers(message, attempt):
                answered.succeed(message)
                self._awaited = None

    def abort(self) -> None:
        """Whoever waits gives up now."""
        self._aborted += 1
        if self._awaited is not None:
            self._awaited[-1].succeed(None)
            self._awaited = None
