"""Files that a scenario names: a relative path is meant from where it was written."""

import os
from pathlib import Path as FilePath

from linksim.scenario.tree import Node

KEY = "file"  # of every value that is a path


def resolve_paths(node: Node, folder: FilePath) -> Node:
    """The tree with its relative paths made absolute, from `folder` on: that of the scenario file, or the current one for an override."""
    if isinstance(node.value, dict):
        children = {key: _path(child, folder) if key == KEY else resolve_paths(child, folder) for key, child in node.value.items()}
        return Node(children, node.path, node.place, node.key)
    if isinstance(node.value, list):
        return Node([resolve_paths(child, folder) for child in node.value], node.path, node.place, node.key)
    return node


def _path(node: Node, folder: FilePath) -> Node:
    """What is no text, or none at all, stays for the models to refuse."""
    if not isinstance(node.value, str) or not node.value:
        return node
    return Node(os.path.abspath(folder / node.value), node.path, node.place, node.key)
