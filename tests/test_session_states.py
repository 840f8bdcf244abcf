"""The state machines of both ends of a session: every transition, the undefined ones, the documentation, and what running sessions do."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from session_pair import DELAY_NS, Pair, drawn_values, options

from linksim.control_plane import states
from linksim.control_plane.states import (
    ALICE_TRANSITIONS,
    BOB_TRANSITIONS,
    AliceEvent,
    AliceState,
    BobEvent,
    BobState,
    TransitionError,
)
from linksim.scenario.schema import LinkOptions

WIRE_FORMAT = Path(__file__).parent.parent / "docs" / "wire-format.md"

# one line per state: STATE, then EVENT>NEXT; an event without > leaves the state unchanged
ALICE = """
NO_SESSION        RESTART ACCEPTED>UNPROVEN EXCHANGE_FAILED HANDSHAKE_FAILED
UNPROVEN          RESTART>NO_SESSION OPENED>ESTABLISHED EXCHANGE_FAILED>UNPROVEN_SUSPECT
UNPROVEN_SUSPECT  RESTART>NO_SESSION ACCEPTED>UNPROVEN OPENED>ESTABLISHED EXCHANGE_FAILED HANDSHAKE_FAILED REFUSED>UNPROVEN_REFUSED
UNPROVEN_REFUSED  RESTART>NO_SESSION ACCEPTED>UNPROVEN OPENED>REFUSED EXCHANGE_FAILED HANDSHAKE_FAILED REFUSED
ESTABLISHED       RESTART>NO_SESSION ACCEPTED>UNPROVEN OPENED EXCHANGE_FAILED>SUSPECT HANDSHAKE_FAILED>SUSPECT REFUSED>REFUSED
SUSPECT           RESTART>NO_SESSION ACCEPTED>UNPROVEN OPENED>ESTABLISHED EXCHANGE_FAILED HANDSHAKE_FAILED REFUSED>REFUSED
REFUSED           RESTART>NO_SESSION ACCEPTED>UNPROVEN OPENED EXCHANGE_FAILED HANDSHAKE_FAILED REFUSED
"""
BOB = """
NO_SESSION   RESTART HELLO>PENDING
PENDING      RESTART>NO_SESSION HELLO PROOF>ESTABLISHED
ESTABLISHED  RESTART>NO_SESSION HELLO>REKEYING
REKEYING     RESTART>NO_SESSION HELLO PROOF>ESTABLISHED
"""
Transition = tuple[str, str, str]  # state, event, next state


def listed(table: str) -> list[Transition]:
    found = []
    for state, *events in map(str.split, table.strip().splitlines()):
        found += [(state, event.split(">")[0], event.split(">")[-1] if ">" in event else state) for event in events]
    return found


ENDS: dict[str, tuple[Any, Any, Any, list[Transition]]] = {
    "alice": (AliceState, AliceEvent, ALICE_TRANSITIONS, listed(ALICE)),
    "bob": (BobState, BobEvent, BOB_TRANSITIONS, listed(BOB)),
}
DEFINED = [(end, *transition) for end, (*_, table) in ENDS.items() for transition in table]
UNDEFINED = [
    (end, state.name, event.name)
    for end, (state_type, event_type, _, table) in ENDS.items()
    for state, event in product(state_type, event_type)
    if (state.name, event.name) not in {(before, name) for before, name, _ in table}
]


def session(end: str) -> Any:
    return getattr(Pair(options({}), 1), end)


@pytest.mark.parametrize(("end", "before", "event", "after"), DEFINED)
def test_a_defined_event_leads_to_its_state(end: str, before: str, event: str, after: str) -> None:
    state_type, event_type, *_ = ENDS[end]
    made = session(end)
    made.state = state_type[before]
    made._go(event_type[event])
    assert made.state is state_type[after]


@pytest.mark.parametrize(("end", "before", "event"), UNDEFINED)
def test_an_undefined_event_is_refused_and_leaves_the_state_unchanged(end: str, before: str, event: str) -> None:
    state_type, event_type, *_ = ENDS[end]
    made = session(end)
    made.state = state_type[before]
    with pytest.raises(TransitionError, match=f"event {event} is not defined in state {before}"):
        made._go(event_type[event])
    assert made.state is state_type[before]


@pytest.mark.parametrize("end", ENDS)
def test_the_table_of_the_code_has_no_other_transitions(end: str) -> None:
    *_, transitions, table = ENDS[end]
    assert {(before.name, event.name, after.name) for (before, event), after in transitions.items()} == set(table)


@pytest.mark.parametrize("end", ENDS)
def test_the_wire_format_documents_every_transition(end: str) -> None:
    section = WIRE_FORMAT.read_text().split(f"### Transitions of {end.capitalize()}")[1].split("\n#")[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in section.splitlines() if line.startswith("| ")]
    header, *body = rows
    documented = {(row[0], event, after) for row in body for event, after in zip(header[1:], row[1:], strict=True) if after != "-"}
    assert documented == set(ENDS[end][3])


@pytest.mark.parametrize("end", ENDS)
def test_the_module_documents_every_change_of_state(end: str) -> None:
    assert states.__doc__ is not None
    alice, bob = states.__doc__.split("\nBob  ")
    text = alice.split("\nAlice  ")[1] if end == "alice" else bob.split("\n\n")[0]
    found: set[Transition] = set()
    before = ""
    for line in text.splitlines()[1:]:
        before = line.split()[0] if line and not line.startswith(" ") else before
        for events, after in re.findall(r"([A-Z_]+(?:, [A-Z_]+)*) -> ([A-Z_]+)", line):
            found |= {(before, event, after) for event in events.split(", ")}
    changes = {(before, event, after) for before, event, after in ENDS[end][3] if before != after and event != "RESTART"}
    assert found == changes


# Running sessions ---------------------------------------------------------------------------------------------------------


class Observer:
    """Records the transitions of one end of a session, and checks after each that the keys match the state."""

    def __init__(self, made: Any) -> None:
        self.made, self.transitions = made, list[Transition]()
        self._go = made._go
        made._go = self

    def __call__(self, event: Any) -> None:
        before = self.made.state
        self._go(event)
        self.transitions.append((before.name, event.name, self.made.state.name))
        if isinstance(self.made.state, AliceState):
            assert (self.made._secure_state is None) == (self.made.state is AliceState.NO_SESSION)
        else:
            assert (self.made._secure_state is None) == (self.made.state in (BobState.NO_SESSION, BobState.PENDING))
            assert (self.made._pending is None) == (self.made.state in (BobState.NO_SESSION, BobState.ESTABLISHED))

    def states(self) -> list[str]:
        """Names of the states in their order, without repetitions."""
        return [self.transitions[0][0], *(after for before, _, after in self.transitions if before != after)]


def observed(spec: LinkOptions, frames: int) -> tuple[Pair, Observer, Observer]:
    made = Pair(spec, frames)
    made.bob.choose = drawn_values(1)
    return made, Observer(made.alice), Observer(made.bob)


def test_states_of_a_session_without_faults() -> None:
    made, alice, bob = observed(options({}), 20)
    made.run()
    assert alice.states() == ["NO_SESSION", "UNPROVEN", "ESTABLISHED"]
    assert bob.states() == ["NO_SESSION", "PENDING", "ESTABLISHED"]


@pytest.mark.parametrize(("keys", "suspicion"), [("transmitted", "SUSPECT"), ("derived", "REFUSED")])
def test_states_after_a_restart_of_bob(keys: str, suspicion: str) -> None:
    """With transmitted keys the next KEY remains without answer. With derived keys the next data frame is refused."""
    scheme = [{"name": "permutation", "keys": keys}, "deepjscc"]
    spec = LinkOptions.model_validate(options({}, probe_interval_ms=1000.0).model_dump() | {"scheme": scheme})
    made, alice, bob = observed(spec, 20)

    def watch(frame: int) -> None:
        if frame == 10:
            made.pipe.after(2 * DELAY_NS, made.bob.restart)

    made.watch = watch
    made.run()
    assert alice.states() == ["NO_SESSION", "UNPROVEN", "ESTABLISHED", suspicion, "UNPROVEN", "ESTABLISHED"]
    assert bob.states() == ["NO_SESSION", "PENDING", "ESTABLISHED", "NO_SESSION", "PENDING", "ESTABLISHED"]


def test_running_sessions_make_every_transition() -> None:
    """Under losses, delays and restarts every defined transition occurs, and no undefined one."""
    derived = {"scheme": [{"name": "permutation", "keys": "derived"}, "deepjscc"]}
    faults = {"loss": 0.35, "reorder": 0.5, "max_delay_ms": 3.0}
    runs: list[tuple[int, dict[str, Any], dict[str, float], str]] = [
        (600, derived, {"alice_restart_ms": 7.3, "bob_restart_ms": 11.1}, "protected"),
        (1500, {}, {"alice_restart_ms": 7.3, "bob_restart_ms": 5.9}, "allowed"),
        (800, derived, {"bob_restart_ms": 5.1}, "allowed"),
    ]
    made: dict[str, set[Transition]] = {"alice": set(), "bob": set()}
    for frames, more, restarts, desynchronisation in runs:
        spec = options(faults | restarts, max_transmissions=2, desynchronisation=desynchronisation)
        pair, alice, bob = observed(LinkOptions.model_validate(spec.model_dump() | more), frames)
        pair.run()
        made["alice"] |= set(alice.transitions)
        made["bob"] |= set(bob.transitions)
    assert {end: set(ENDS[end][3]) - transitions for end, transitions in made.items()} == {"alice": set(), "bob": set()}
