"""Facts of a trained model that the estimate needs, read from its card without loading weights.

A scheme's cost depends on its codec: the card says how many channel uses an image takes. A model that is missing is no error here, because
a scenario may be checked on a machine without the models; the estimate then assumes a common size.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from linksim import places, registry
from linksim.cost import ModelFacts
from linksim.errors import ScenarioError
from linksim.scenario.strict_yaml import read_yaml

DEVICE = "cpu"  # class of device whose batch size counts


def model_facts(model: str) -> ModelFacts | None:
    """What a model costs, from its card; None where there is no readable card.

    The folders of `linksim.places.model_folders` are searched in their order. A card is read again after it has changed. A codec from
    outside has no card; the attribute `channel_uses` of its class takes its place.

    >>> model_facts("codec-cifar10-6").channel_uses
    512
    >>> model_facts("no-such-codec") is None
    True
    """
    for declared in registry.components("codec"):
        uses = getattr(declared.factory, "channel_uses", None)
        if declared.name == model:
            return ModelFacts(channel_uses=uses if isinstance(uses, int) else None)
    for folder in places.model_folders():
        path = folder / f"{model}.yaml"
        if path.is_file():
            return _facts(path, path.stat().st_mtime_ns)
    return None


@lru_cache(maxsize=256)
def _facts(path: Path, changed_ns: int) -> ModelFacts | None:
    """The facts on a card; None for a damaged one, which loading the model reports."""
    try:
        card: Any = read_yaml(path).data
        runtime = card["runtime"]
        bfloat16 = frozenset(name for name, settings in runtime.items() if settings["precision"] == "bfloat16")
        return ModelFacts(**card["cost"], **({"batch": runtime[DEVICE]["batch"]} if DEVICE in runtime else {}), bfloat16=bfloat16)
    except (ScenarioError, TypeError, KeyError, AttributeError):
        return None
