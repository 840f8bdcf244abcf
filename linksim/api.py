"""The Python interface: load a scenario, run it, open a trace, train a model. `import linksim` gives these names.

>>> import linksim
>>> run = linksim.run("awgn-baseline", {"frames": 2, "links": 1, "dataset": "samples"})
>>> sorted(run.table("frames"))[:3]
['airtime_ns', 'assumed_snr_db', 'attempt']
>>> run.table("frames")["outcome"].tolist()
['decoded', 'decoded']

No call changes the state of the process: thread counts are restored, nothing is written to the working directory unless a path is given.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from linksim import plugins
from linksim.errors import LinksimError
from linksim.records import Listener
from linksim.results import Run
from linksim.scenario import load
from linksim.scenario.schema import Scenario
from linksim.scenario.strict_yaml import Document, dump_yaml, parse_yaml
from linksim.trace import reader

if TYPE_CHECKING:
    from linksim.adapt.policy import Policy
    from linksim.nets.cards import Card
    from linksim.sweeps.plan import Plan
    from linksim.sweeps.points import Axis
    from linksim.sweeps.stop import StopRule
    from linksim.sweeps.table import SweepTable

Overrides = Mapping[str, Any] | Sequence[str]


def load_scenario(scenario: str | Path | Mapping[str, Any] | Scenario, overrides: Overrides = ()) -> Scenario:
    """A validated scenario.

    scenario   name of a shipped scenario, path of a YAML file, the content of such a file as a mapping, or a `Scenario`
    overrides  {"channel.bob.snr.mean_db": 3} or ["channel.bob.snr.mean_db=3"], under the same checks as the file

    Raises ScenarioError with all problems at once, each with file, line, key, value and what is allowed.

    >>> load_scenario({"name": "mine", "frames": 3}).links
    1
    >>> load_scenario("quickstart", {"links": 0})
    Traceback (most recent call last):
        ...
    linksim.errors.ScenarioError: --set links=0: links: got 0, allowed: a whole number from 1 to 4096
    """
    plugins.load_entry_points()
    texts = _override_texts(overrides)
    if isinstance(scenario, Scenario) and not texts:
        return scenario
    return load.build_scenario(_document(scenario), texts)


def _document(scenario: str | Path | Mapping[str, Any] | Scenario) -> Document:
    """The document of a scenario."""
    if isinstance(scenario, Scenario):
        return parse_yaml(load.resolved_yaml(scenario), scenario.name)
    if isinstance(scenario, Mapping):
        return parse_yaml(dump_yaml(dict(scenario)), "<mapping>")
    return load.find_document(str(scenario))


def _override_texts(overrides: Overrides) -> list[str]:
    """Overrides as "KEY=VALUE" with the value in YAML, the form of `--set`."""
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return load.override_texts(overrides)


def run(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    overrides: Overrides = (),
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    listeners: Sequence[Listener] = (),
    policies: "Mapping[str, Policy]" = MappingProxyType({}),
    workers: int = 1,
    plugin: Sequence[str] = (),
) -> Run:
    """Run a scenario and return its results.

    scenario   as in `load_scenario`
    out        file of the trace; None for a temporary file that is deleted when the result is closed or discarded
    overwrite  replace an existing trace, when the new one is complete; a file that is not a trace is never replaced
    listeners  callables that receive every record during the run
    policies   policies by group, instead of those that the scenario names; the trace records them as components from outside
    workers    number of processes among which the links are divided; more than one takes neither listeners nor policies
    plugin     files or modules with components from outside, as `--plugin` of the command line

    Raises LinksimError where models or data are missing or do not fit, TraceError where the trace exists.
    """
    from linksim.shards.driver import run_divided

    for source in plugin:
        plugins.load_plugin(source)
    chosen = load_scenario(scenario, overrides)
    folder = None if out else tempfile.TemporaryDirectory(prefix="linksim-")
    path = Path(out) if out else Path(folder.name if folder else "") / "trace.h5"
    result = run_divided(chosen, path, overwrite, workers, tuple(listeners), policies, plugin)
    return Run(reader.open_trace(path), result, folder)


def sweep(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    axes: "Mapping[str, Axis] | None" = None,
    overrides: Overrides = (),
    *,
    replications: int | None = None,
    stop: "StopRule | None" = None,
    out: str | Path | None = None,
    workers: int = 1,
    traces: bool = False,
    engine: str = "local",
    address: str | None = None,
    plugin: Sequence[str] = (),
    report: Callable[[int, int], object] = lambda done, total: None,
) -> "SweepTable":
    """Run a scenario at every combination of the values of some axes, or a study, in worker processes, and return the table of results.

    scenario, overrides  as in `load_scenario`; or a study, whose axes those given here replace
    axes                 {"channel.bob.snr.mean_db": [0, 5, 10], "seed": range(3)}: values of keys; or, under any other name, variants by
                         name, each of which is a mapping of overrides or a function of the scenario that returns one; or
                         `linksim.sweeps.points.Zipped`, several keys whose values belong together
    replications         runs of each combination, with the same random streams for all combinations; None for that of the study, or 1
    stop                 rule that replicates a combination until its interval is narrow enough (`linksim.sweeps.stop.StopRule`)
    out                  folder of the journal, in which later calls find the points that are finished; None for a temporary one
    workers              number of processes, each with one thread
    traces               keep the trace of every point in the folder; the table has its file in the column "trace"
    engine               "local", or "dask" or "ray" where they are installed
    address              address of the scheduler of Dask or Ray; None for processes of this machine
    plugin               files or modules with components from outside, which every worker loads
    report               receives the numbers of finished and of all points, at the start and after every point

    A point that fails is in `errors` of the table and does not end the sweep. The method `means` of the table returns the means over
    replications. Raises ScenarioError, with the point in a note, where a point is no valid scenario, and LinksimError where another sweep
    works in the folder.
    """
    from linksim.sweeps.driver import sweep as run_sweep
    from linksim.sweeps.engines import open_engine

    for source in plugin:
        plugins.load_plugin(source)
    plan = _plan(scenario, axes or {}, _override_texts(overrides), replications, stop)
    with ExitStack() as stack:
        folder = Path(out) if out else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="linksim-")))
        execute = None if engine == "local" else stack.enter_context(open_engine(engine, workers, address))
        return run_sweep(plan, folder, workers, traces and bool(out), plugin, report, execute)


def _plan(
    scenario: str | Path | Mapping[str, Any] | Scenario,
    axes: "Mapping[str, Axis]",
    overrides: list[str],
    replications: int | None,
    stop: "StopRule | None",
) -> "Plan":
    """The points of a sweep; the arguments are those of `sweep`."""
    from linksim.sweeps.plan import Plan
    from linksim.sweeps.study import read_study, study_file

    if isinstance(scenario, str | Path) and (file := study_file(str(scenario))):
        return read_study(file).plan(axes, overrides, replications, stop)
    document = _document(scenario)
    return Plan(lambda texts: load.build_scenario(document, [*overrides, *texts]), axes, replications or 1, stop)


def open_trace(path: str | Path) -> Run:
    """Open the trace of an earlier run, also one that is still being written or that was interrupted.

    Raises TraceError where it is missing or damaged, or not a trace.
    """
    return Run(reader.open_trace(path))


def train(
    name: str,
    *,
    models: str | Path | None = None,
    work: str | Path,
    device: str = "auto",
    fresh: bool = False,
    report: Callable[[Any], None] = lambda progress: None,
) -> "Card":
    """Train a model, resuming from its checkpoint, and return its card.

    name    of a training task, as `linksim models` lists them
    models  folder of weights and card; None for the first folder of the model search path
    work    folder of checkpoints
    device  "auto", "cpu" or "cuda"
    fresh   start from the first step even if a checkpoint exists
    report  receives the progress, whose `line()` is one line of text

    Training runs in one thread, because the order of sums then is the same everywhere, and takes minutes to hours. An interrupted training
    continues from its checkpoint bit for bit. Raises ModelError for an unknown name.
    """
    from linksim.computation import computation
    from linksim.nets.weights import models_folder
    from linksim.training.pipeline import train_model

    with computation(1):
        return train_model(name, device, Path(work), Path(models) if models else models_folder(), report, fresh)


__all__ = ["LinksimError", "Run", "load_scenario", "open_trace", "run", "sweep", "train"]
