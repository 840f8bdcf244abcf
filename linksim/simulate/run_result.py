"""The result of a run besides its records, and that of a part of the links, from which it is composed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from linksim.context import fingerprint
from linksim.files import atomic_write
from linksim.outputs import PROFILE

QUEUE_WARNING = 16  # number of frames in Bob's queue above which the run ends with a warning


@dataclass(frozen=True)
class RunResult:
    """The result of a run besides its trace. Wall-clock times are not part of the trace, because they differ between equal runs.

    fingerprint   hash of all events (time, link, kind, number), 32 hexadecimal digits; also stored in the trace
    simulated_ns  simulated time at the end of the run in ns
    wall_s        wall-clock time of simulation and networks in s, without the assembly
    operations    (name, calls, items) of each operation of the worker, in the order of their first call
    warnings      messages for the user about results that could mislead, such as a jammer that hit no frame
    """

    fingerprint: str
    simulated_ns: int
    wall_s: float
    operations: tuple[tuple[str, int, int], ...]
    warnings: tuple[str, ...]

    def write_profile(self, path: Path) -> None:
        """Write the result as JSON: an object with the names of the attributes and "source", the mark of the file (see `outputs`).

        An existing file is replaced when the new one is complete. Raises OSError if it cannot be written.
        """
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps({"source": PROFILE} | asdict(self), indent=2) + "\n")


@dataclass(frozen=True)
class PartialResult:
    """The result of a part of the links of a run, up to the end of the whole run. All values have a representation in JSON.

    fingerprints  hash of the events of each link, by its number
    end_ns        simulated time at the end in ns
    wall_s        wall-clock time of simulation and networks in s
    operations    (name, calls, items) of each operation of the worker
    hits          number of frames with interference, by name of each group with jammers
    idle          why the first jammer of the part may have hit none, by name of the same groups
    queued        largest number of frames in Bob's queue, by name of the group
    untuned       names of the models that are not measured on this class of processor
    limit_ns      the scenario's limit of simulated time in ns, if the part ended there before all its frames were sent; else None
    """

    fingerprints: dict[int, str]
    end_ns: int
    wall_s: float
    operations: tuple[tuple[str, int, int], ...]
    hits: dict[str, int]
    idle: dict[str, str]
    queued: dict[str, int]
    untuned: tuple[str, ...]
    limit_ns: int | None

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> "PartialResult":
        """Return the result whose attributes were written as a JSON object, in which keys are texts and tuples are lists."""
        fingerprints = {int(link): text for link, text in read["fingerprints"].items()}
        operations = tuple((name, calls, items) for name, calls, items in read["operations"])
        return cls(**read | {"fingerprints": fingerprints, "operations": operations, "untuned": tuple(read["untuned"])})


def result_of(parts: Sequence[PartialResult]) -> RunResult:
    """Compose the result of a run from those of its parts, which have different links and the same end."""
    links, operations = dict[int, str](), dict[str, tuple[int, int]]()
    for part in parts:
        links |= part.fingerprints
        for name, calls, items in part.operations:
            before = operations.get(name, (0, 0))
            operations[name] = before[0] + calls, before[1] + items
    return RunResult(
        fingerprint=fingerprint(links),
        simulated_ns=parts[0].end_ns,
        wall_s=max(part.wall_s for part in parts),
        operations=tuple((name, *counts) for name, counts in operations.items()),
        warnings=tuple(_warnings(parts)),
    )


def _warnings(parts: Sequence[PartialResult]) -> list[str]:
    """Return a sentence for each circumstance that makes a run differ from what its scenario suggests."""
    hits, idle, queued = dict[str, int](), dict[str, str](), dict[str, int]()
    for part in parts:
        hits |= {name: hits.get(name, 0) + count for name, count in part.hits.items()}
        idle = part.idle | idle
        queued |= {name: max(queued.get(name, 0), count) for name, count in part.queued.items()}
    warnings = [f"group {name!r}: its jammer {idle[name]}; it changed nothing in this run" for name, count in hits.items() if not count]
    warnings += [
        f"group {name!r}: Bob's networks are slower than frames arrive; up to {count} frames were queued"
        for name, count in queued.items()
        if count > QUEUE_WARNING
    ]
    if untuned := sorted({name for part in parts for name in part.untuned}):
        names = ", ".join(untuned)
        warnings.append(f"not measured on this class of processor, so in float32: {names}; `linksim tune NAME` measures a model")
    if limits := [part.limit_ns for part in parts if part.limit_ns is not None]:
        warnings.append(f"the run ended at its limit of {limits[0] / 1e9:g} s before all frames were sent")
    return warnings
