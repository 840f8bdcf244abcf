"""A hundred thousand control exchanges under random faults: no wrong parameters, no accepted forgery, no deadlock, no growing memory."""

import gc
from typing import Any

import pytest
from session_pair import Pair, drawn_values

from linksim.enums import Origin
from linksim.scenario.schema import LinkOptions

EXCHANGES = 25_000

EVERYTHING = {
    "loss": 0.1,
    "duplicate": 0.1,
    "reorder": 0.1,
    "replay": 0.1,
    "bit_flip": 0.05,
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
    """Options of a link with one pair of images per frame, transmitted keys, and new steps every millisecond (every third frame)."""
    timing = {"probe_interval_ms": 1.0, "timeout_ms": 0.2, "max_transmissions": 4}
    return LinkOptions.model_validate(
        {
            "scheme": [{"name": "permutation", "key_set_size": 16}, "deepjscc"],
            "alice": {"images_per_frame": 2},
            "session": timing | session | {"faults": faults},
        }
    )


@pytest.mark.parametrize("mix", MIXES)
def test_a_hundred_thousand_exchanges_under_faults(mix: str) -> None:
    """Each mix of faults runs a quarter of the exchanges. The pair compares both views of the agreement on every frame that Bob decodes."""
    pair = Pair(options(MIXES[mix]), EXCHANGES, EXCHANGES)
    pair.bob.choose = drawn_values(1)
    objects: list[int] = []

    def watch(frame: int) -> None:
        if frame % 5000 == 0:
            gc.collect()
            objects.append(len(gc.get_objects()))
        assert len(pair.simulation.env._queue) < 200

    pair.watch = watch
    pair.run()
    assert pair.wrong == 0
    assert pair.accepted(Origin.FORGERY) == 0
    assert pair.of_origin(Origin.FORGERY) > 1000 < pair.of_origin(Origin.REPLAY)
    frames = pair.decoded + pair.refused + pair.suppressed
    assert pair.decoded > 0.7 * frames
    assert pair.refused < 0.02 * frames
    assert objects[-1] - objects[1] < 2000
