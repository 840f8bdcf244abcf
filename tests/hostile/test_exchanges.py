"""Control exchanges under faults, forgeries, replays, restarts: no wrong parameters, no accepted forgery, no deadlock, no growing memory.

Every mix of faults runs a fixed number of exchanges; four mixes of 25,000 make the hundred thousand of the whole campaign.
"""

import gc

import pytest
from session_pair import Pair, TwoNumbers, drawn_values, options

from hostile.parameter_ledger import ParameterLedger
from hostile.scale import Campaign, scale
from linksim.enums import Origin
from linksim.secrecy import SessionKeys

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
EXCHANGES = scale(500, 25_000)
OF_LEDGER = (tuple, TwoNumbers, SessionKeys)  # types of the objects that the ledger keeps


@pytest.mark.parametrize("mix", MIXES)
def test_exchanges_under_faults(mix: str, campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pair compares both views of the agreement on every frame that Bob decodes, the ledger what is in force after every event."""
    pair = Pair(options(MIXES[mix]), EXCHANGES, EXCHANGES)
    pair.bob.choose = drawn_values(1)
    ledger = ParameterLedger(pair).watch(monkeypatch)
    objects: list[int] = []

    def watch(frame: int) -> None:
        if frame % (EXCHANGES // 5) == 0:
            gc.collect()
            objects.append(sum(type(each) not in OF_LEDGER for each in gc.get_objects()))
        assert len(pair.simulation.env._queue) < 200

    pair.watch = watch
    pair.run()
    assert objects[-1] - objects[1] < 2000
    assert pair.wrong == 0
    assert (ledger.wrong_alice, ledger.wrong_bob) == (0, 0)
    assert pair.accepted(Origin.FORGERY) == 0
    assert pair.of_origin(Origin.FORGERY) > EXCHANGES / 25 < pair.of_origin(Origin.REPLAY)
    assert min(ledger.changes) > EXCHANGES / 25
    frames = pair.decoded + pair.refused + pair.suppressed
    assert pair.decoded > 0.7 * frames
    assert pair.refused < 0.02 * frames
    count(campaign, pair, ledger)


def count(campaign: Campaign, pair: Pair, ledger: ParameterLedger) -> None:
    """Add what happened to a pair to the counts."""
    campaign.counts.update(
        {
            "exchanges": pair.exchanges(),
            "control frames received": pair.outcomes.total(),
            "forgeries": pair.of_origin(Origin.FORGERY),
            "replays": pair.of_origin(Origin.REPLAY),
            "changes of the parameters in force": sum(ledger.changes),
            "data frames decoded": pair.decoded,
        }
    )
