"""Linear interpolation on a grid, for the tables of rewards and accuracies."""

import numpy as np
from numpy.typing import NDArray


def interpolation_weights(nodes: NDArray[np.number], at: NDArray[np.number]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Linear interpolation at values [n] between increasing nodes: index of the node below, and weight 0..1 of the node above.

    Values beyond the nodes are clipped to the first or last node. Interpolation on a grid of several axes applies this to one axis after
    the other.

    >>> index, weight = interpolation_weights(np.array([0.0, 10.0, 20.0]), np.array([-5.0, 12.5, 20.0]))
    >>> index.tolist(), weight.tolist()
    ([0, 1, 1], [0.0, 0.25, 1.0])
    """
    index = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    weight = (at - nodes[index]) / (nodes[index + 1] - nodes[index])
    return index, np.clip(weight, 0.0, 1.0)
