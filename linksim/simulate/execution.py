"""Runs an assembled simulation from beginning to end.

A run ends with the instant in which every Alice has sent all her frames and every receiver has processed its copies, or at the scenario's
limit of simulated time. The jammers then report the interval that they are in, the worker computes the promises that still wait, which
emits the last scores, and the rewards of Bob's last decisions follow.
"""

import time
from collections.abc import Callable

from linksim.scenario.schema import Scenario
from linksim.simulate.assembly import AssembledSimulation
from linksim.simulate.garbage import gc_frozen
from linksim.simulate.run_result import PartialResult, RunResult, result_of
from linksim.units import seconds_to_ns

CommonEnd = Callable[[int], int]  # the end of a part of the links in ns -> that of the whole run, which is not earlier


def run_until_done(built: AssembledSimulation, scenario: Scenario) -> RunResult:
    """Run an assembled simulation of all links, and compute all promises.

    built     the simulation, with its listeners
    scenario  its scenario, of which `max_time_s` is used
    """
    return result_of([run_part(built, scenario, lambda end_ns: end_ns)])


def run_part(built: AssembledSimulation, scenario: Scenario, common_end: CommonEnd) -> PartialResult:
    """Run an assembled simulation of some links to the end of the whole run, and compute all promises.

    common_end  returns the end of the whole run
    """
    simulation, started, limit_ns = built.simulation, time.perf_counter(), seconds_to_ns(scenario.max_time_s)
    for link in built.links:
        simulation.emit(link)
    with gc_frozen():
        end_ns = common_end(_run_links(built, limit_ns))
        _run_to(built, end_ns)
    for jammer in (jammer for jammers in built.jammers.values() for jammer in jammers):
        jammer.stop()
    simulation.worker.flush()
    built.rewards.finish()
    return PartialResult(
        fingerprints=simulation.fingerprints(),
        end_ns=end_ns,
        wall_s=time.perf_counter() - started,
        operations=tuple((name, calls, simulation.worker.items[name]) for name, calls in simulation.worker.calls.items()),
        hits={name: sum(jammer.hits for jammer in jammers) for name, jammers in built.jammers.items() if jammers},
        idle={name: jammers[0].idle_reason() for name, jammers in built.jammers.items() if jammers},
        queued={name: max(bob.max_queue_length for bob in bobs) for name, bobs in built.bobs.items()},
        untuned=tuple(sorted(built.untuned)),
        limit_ns=None if built.sent.triggered else limit_ns,
    )


def _run_links(built: AssembledSimulation, limit_ns: int) -> int:
    """Run until all frames of the links are sent and received -> that instant in ns, or `limit_ns` if it is not reached."""
    simulation, env = built.simulation, built.simulation.env
    env.run(until=built.sent | env.timeout(limit_ns))
    while simulation.outstanding and env.peek() <= limit_ns:  # frames that are still on the air or in Bob's queue
        env.step()
    return simulation.now if built.sent.triggered and not simulation.outstanding else limit_ns


def _run_to(built: AssembledSimulation, end_ns: int) -> None:
    """Run all events up to an instant, with those of the instant itself: which link ended last in it makes no difference."""
    env = built.simulation.env
    if end_ns > built.simulation.now:
        env.run(until=end_ns)
    while env.peek() <= end_ns:
        env.step()
