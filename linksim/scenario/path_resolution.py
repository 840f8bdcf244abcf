"""Resolution of relative file names in scenarios.

A path in a scenario file counts from the folder of that file, so that a study with its measurements can be moved as a whole. The trace
stores the absolute path, because a trace may be moved away from its scenario.
"""

import os
from pathlib import Path as FilePath

from linksim.scenario.tree import Node

KEY = "file"  # of every value that is a path


def resolve_paths(node: Node, folder: FilePath) -> Node:
    """Return the tree with the relative paths under every key `file` made absolute.

    node    part of a scenario
    folder  the folder of the scenario file, or the working directory for an override
    """
    if isinstance(node.value, dict):
        children = {key: _path(child, folder) if key == KEY else resolve_paths(child, folder) for key, child in node.value.items()}
        return Node(children, node.path, node.place, node.key)
    if isinstance(node.value, list):
        return Node([resolve_paths(child, folder) for child in node.value], node.path, node.place, node.key)
    return node


def _path(node: Node, folder: FilePath) -> Node:
    """The absolute path; other values are left for validation to refuse."""
    if not isinstance(node.value, str) or not node.value:
        return node
    return Node(os.path.abspath(folder / node.value), node.path, node.place, node.key)
