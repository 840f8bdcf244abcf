"""Controls: results that chance would give. An order or a shape that a control passes is no evidence.

    random    every value is drawn, with replacement, from the values of the same quantity in all cells of the claim
    constant  every value is the mean of that quantity over all cells
    shuffled  at each position, that is for each image, the values are exchanged at random between the cells

Each control destroys what a claim states, namely the relation between cells, and keeps the scale of the values. A claim about a policy is
not a relation between cells; its controls are policies (`papers.diffusec.policy_rollout`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from linksim.reproduction.results import ResultStore, Samples, quantity
from linksim.rng import Streams

Place = tuple[str, str]  # key of an experiment, and metric
Cells = Mapping[Place, Samples]


def cell_controls(keys: Sequence[str], results: ResultStore, seed: int = 0) -> dict[str, ResultStore]:
    """The controls of a claim: the results of the experiments `keys` with other values, all other results unchanged. By name."""
    cells = {(key, metric): samples for key in keys for metric, samples in results[key].samples.items()}
    made: Mapping[str, Callable[[Cells, np.random.Generator], Cells]] = {"random": _random, "constant": _constant, "shuffled": _shuffled}
    found = {}
    for name, make in made.items():
        values = dict(cells)
        for group in _groups(cells):
            values |= make({place: cells[place] for place in group}, Streams(seed)(f"controls/{name}/{'/'.join(group[0])}"))
        found[name] = results.replaced(
            replace(results[key], samples={metric: values[key, metric] for metric in results[key].samples}) for key in dict.fromkeys(keys)
        )
    return found


def _groups(cells: Cells) -> list[list[Place]]:
    """The places whose values are comparable: those of one quantity with equally many samples."""
    groups: dict[tuple[str, int], list[Place]] = {}
    for (key, metric), samples in cells.items():
        groups.setdefault((quantity(metric), len(samples)), []).append((key, metric))
    return list(groups.values())


def _random(cells: Cells, draw: np.random.Generator) -> Cells:
    pool = np.concatenate(list(cells.values()))
    return {place: draw.choice(pool, len(samples)) for place, samples in cells.items()}


def _constant(cells: Cells, draw: np.random.Generator) -> Cells:
    mean = float(np.concatenate(list(cells.values())).mean())
    return {place: np.full(len(samples), mean) for place, samples in cells.items()}


def _shuffled(cells: Cells, draw: np.random.Generator) -> Cells:
    return dict(zip(cells, draw.permuted(np.stack(list(cells.values())), axis=0), strict=True))
