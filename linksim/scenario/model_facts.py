"""Facts of a trained model that the estimate needs, read from its card without loading weights."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from linksim import places
from linksim.errors import ScenarioError
from linksim.scenario.strict_yaml import read_yaml


def model_fact(model: str, key: str) -> Any:
    """Value of `key` in the `cost` block of a model's card, or None where there is no readable card or no such key."""
    for folder in places.model_folders():
        path = folder / f"{model}.yaml"
        if path.is_file():
            return _cost(path, path.stat().st_mtime_ns).get(key)
    return None


@lru_cache(maxsize=256)
def _cost(path: Path, changed_ns: int) -> dict[str, Any]:
    """The `cost` block of a card; {} for a damaged one, which loading the model reports."""
    try:
        data = read_yaml(path).data
    except ScenarioError:
        return {}
    cost = data.get("cost") if isinstance(data, dict) else None
    return cost if isinstance(cost, dict) else {}
