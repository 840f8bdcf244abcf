"""The control plane by itself: messages sealed, carried over the air uncoded, received and opened. One link, one core."""

from collections.abc import Generator, Iterator
from typing import Any

from benchmarks.measure import Figure, best_of
from linksim import operations
from linksim.context import Simulation
from linksim.control_plane import wire
from linksim.control_plane.messages import Report
from linksim.frames import ControlFrame
from linksim.medium.air import Air
from linksim.records import ALICE, BOB
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.secrecy import BOB_TO_ALICE, KEY_BYTES, Decryptor, Encryptor
from linksim.worker import Worker

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
    simulation = Simulation(Worker())
    air = Air(simulation, 0, "air", LinkOptions.model_validate(LINK), Streams(1), operations.carry(), operations.carry())
    encryptor, opened = Encryptor(bytes(KEY_BYTES), BOB_TO_ALICE), []
    decryptor = Decryptor(bytes(KEY_BYTES), BOB_TO_ALICE)

    def hear(copy: Any) -> None:
        parsed = wire.parse(copy.raw)
        assert isinstance(parsed, wire.SealedFrame)
        opened.append(wire.decode_sealed(parsed, decryptor).sequence)

    def bob() -> Generator[Any, Any, None]:
        for number in range(FRAMES):
            raw = wire.encode_sealed(Report(1, number, 3.0, 2, 0, 0), encryptor)
            yield from air.send_control(ControlFrame(raw, BOB, Report.kind, number, 0, False))

    air.hear(BOB, lambda _: None)
    air.hear(ALICE, hear)
    simulation.env.process(bob())
    simulation.env.run()
    assert opened == list(range(FRAMES))
