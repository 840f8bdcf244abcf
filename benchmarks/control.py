"""The control plane alone: control messages are encrypted, transmitted uncoded, received and decrypted. One link, one core."""

from collections.abc import Generator, Iterator
from typing import Any

from benchmarks.measure import BenchmarkResult, best_of
from linksim import operations
from linksim.context import Simulation
from linksim.control_plane import wire
from linksim.control_plane.messages import Report
from linksim.enums import Node
from linksim.frames import ControlFrame
from linksim.medium.air import Air
from linksim.medium.reception_records import ReceptionRecorder
from linksim.rng import Streams
from linksim.scenario.schema import LinkOptions
from linksim.secrecy import BOB_TO_ALICE, KEY_BYTES, Decryptor, Encryptor
from linksim.worker import Worker

FRAMES, REPEATS = 2000, 8
LINK = {"radio": {"control_coding": "none", "control_repeats": 1}, "channel": {"bob": {"snr": {"kind": "constant", "mean_db": 15.0}}}}


def control_benchmark() -> Iterator[BenchmarkResult]:
    """At 15 dB the bit error rate is about 1e-15, so every frame is decrypted."""
    seconds = best_of(REPEATS, reports)[0]
    yield BenchmarkResult(
        "n", "control frames without coding", FRAMES / seconds / 1e3, "at least", 20, "k/s", f"{1e6 * seconds / FRAMES:.0f} us each"
    )


def reports() -> None:
    """Bob transmits REPORT messages, and Alice decrypts them."""
    simulation = Simulation(Worker())
    options, apply_channel = LinkOptions.model_validate(LINK), operations.apply_channel()
    air = Air(simulation, 0, "air", options, Streams(1), apply_channel, apply_channel, ReceptionRecorder(simulation))
    encryptor, sequences = Encryptor(bytes(KEY_BYTES), BOB_TO_ALICE), []
    decryptor = Decryptor(bytes(KEY_BYTES), BOB_TO_ALICE)

    def receive(copy: Any) -> None:
        parsed = wire.parse(copy.raw)
        assert isinstance(parsed, wire.SealedFrame)
        sequences.append(wire.decode_sealed(parsed, decryptor).sequence)

    def bob() -> Generator[Any, Any, None]:
        for number in range(FRAMES):
            raw = wire.encode_sealed(Report(1, number, 3.0, 2, (0, 0)), encryptor)
            yield from air.send_control(ControlFrame(raw, Node.BOB, Report.kind, number, 0, False))

    air.add_receiver(Node.BOB, lambda _: None)
    air.add_receiver(Node.ALICE, receive)
    simulation.env.process(bob())
    simulation.env.run()
    assert sequences == list(range(FRAMES))
