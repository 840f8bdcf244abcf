"""The strength of an attack on Alice's images as a state of nature: one of a few values for each block of time, drawn for each link."""

from linksim.rng import StreamKey, generator
from linksim.units import ms_to_ns


class AttackStrengths:
    """Strengths of the attack on one link.

    values    strengths of which one is drawn uniformly for each block
    block_ms  length of a block in ms; the first one begins at time 0
    draws     stream of the draws, with one for each block

    >>> strengths = AttackStrengths((0.0, 1.0), block_ms=200.0, draws=StreamKey(1, 2))
    >>> strengths.at(0) == strengths.at(199_999_999), {strengths.at(200_000_000 * block) for block in range(20)} == {0.0, 1.0}
    (True, True)
    """

    def __init__(self, values: tuple[float, ...], block_ms: float, draws: StreamKey) -> None:
        self._values, self._block_ns, self._draws = values, max(1, ms_to_ns(block_ms)), draws

    def at(self, time_ns: int) -> float:
        """Return the strength at a time."""
        return self._values[int(generator(self._draws, time_ns // self._block_ns).integers(len(self._values)))]
