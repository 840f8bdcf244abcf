"""The control plane by itself: messages sealed, carried over the air uncoded, heard and opened. One lane, one core."""

from collections.abc import Generator, Iterator
from typing import Any

from benchmarks.measure import Figure, best_of
from linksim.records import ALICE, BOB
from linksim.rng import Streams
from linksim.scenario.schema import Link
from linksim.secrecy import BOB_TO_ALICE, KEY_BYTES, Opener, Sealer
from linksim.worker import Worker
from linksim.world import operations, wire
from linksim.world.air import Air
from linksim.world.clock import World
from linksim.world.frames import ControlFrame
from linksim.world.messages import Report

FRAMES, TURNS = 2000, 8
LINK = {"radio": {"control_coding": "none", "control_repeats": 1}, "channel": {"bob": {"snr": {"kind": "constant", "mean_db": 15.0}}}}


def control_figure() -> Iterator[Figure]:
    """At 15 dB a bit fails once in 10^15, so every frame is opened."""
    seconds = best_of(TURNS, reports)[0]
    yield Figure(
        "n", "control frames without coding", FRAMES / seconds / 1e3, "at least", 20, "k/s", f"{1e6 * seconds / FRAMES:.0f} us each"
    )


def reports() -> None:
    """Bob sends REPORTs, and Alice opens them."""
    world = World(Worker())
    air = Air(world, 0, "air", Link.model_validate(LINK), Streams(1), operations.carry(), operations.carry())
    sealer, opened = Sealer(bytes(KEY_BYTES), BOB_TO_ALICE), []
    opener = Opener(bytes(KEY_BYTES), BOB_TO_ALICE)

    def hear(copy: Any) -> None:
        parsed = wire.parse(copy.raw)
        assert isinstance(parsed, wire.Envelope)
        opened.append(wire.unseal(parsed, opener).sequence)

    def bob() -> Generator[Any, Any, None]:
        for number in range(FRAMES):
            raw = wire.seal(Report(1, number, 3.0, 2, 0, 0), sealer)
            yield from air.send_control(ControlFrame(raw, BOB, Report.kind, number, 0, False))

    air.hear(BOB, lambda _: None)
    air.hear(ALICE, hear)
    world.env.process(bob())
    world.env.run()
    assert opened == list(range(FRAMES))
