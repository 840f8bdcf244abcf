"""A hundred thousand control exchanges under random faults: no wrong term, no forgery accepted, nothing waits for ever, nothing grows."""

import gc
from typing import Any

import pytest
from session_pair import Pair, drawn_steps

from linksim.records import FORGERY, REPLAY
from linksim.scenario.schema import LinkOptions

EXCHANGES = 25_000

EVERYTHING = {
    "loss": 0.1,
    "duplicate": 0.1,
    "reorder": 0.1,
    "replay": 0.1,
    "flip": 0.05,
    "truncate": 0.05,
    "forge": 0.05,
    "max_delay_ms": 1.0,
}
MIXES: dict[str, dict[str, float]] = {
    "lossy": EVERYTHING | {"loss": 0.3},
    "disordered": EVERYTHING
    | {"loss": 0.05, "duplicate": 0.4, "reorder": 0.4, "replay": 0.4, "max_delay_ms": 3.0, "bob_restart_ms": 211.0},
    "hostile": EVERYTHING | {"forge": 0.3, "replay": 0.3, "alice_restart_ms": 97.0},
    "restarting": EVERYTHING | {"alice_restart_ms": 37.0, "bob_restart_ms": 29.0},
}


def options(faults: dict[str, float], **session: Any) -> LinkOptions:
    """Frames of one pair, whose (p, s) is told before each; new steps every millisecond, which is every third frame."""
    timing = {"probe_interval_ms": 1.0, "timeout_ms": 0.2, "max_transmissions": 4}
    return LinkOptions.model_validate(
        {
            "scheme": [{"name": "permutation", "schemes": 16}, "deepjscc"],
            "alice": {"images_per_frame": 2},
            "session": timing | session | {"faults": faults},
        }
    )


@pytest.mark.parametrize("mix", MIXES)
def test_a_hundred_thousand_exchanges_under_faults(mix: str) -> None:
    """A quarter of them for each mix of faults. The pair compares what Alice and Bob take for agreed on every frame that Bob decodes."""
    pair = Pair(options(MIXES[mix]), EXCHANGES, EXCHANGES)
    pair.bob.choose = drawn_steps(1)
    objects: list[int] = []

    def watch(frame: int) -> None:
        if frame % 5000 == 0:
            gc.collect()
            objects.append(len(gc.get_objects()))
        assert len(pair.simulation.env._queue) < 200

    pair.watch = watch
    pair.run()
    assert pair.wrong == 0
    assert pair.accepted(FORGERY) == 0
    assert pair.of_origin(FORGERY) > 1000 < pair.of_origin(REPLAY)
    frames = pair.decoded + pair.unknown + pair.held
    assert pair.decoded > 0.7 * frames
    assert pair.unknown < 0.02 * frames
    assert objects[-1] - objects[1] < 2000
