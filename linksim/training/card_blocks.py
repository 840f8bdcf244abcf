"""The blocks `cost` and `data` of a model card, which follow from the network and from the training task.

Estimates read the cost of a model from its card without loading the network, and users find the terms of its training data there.
"""

from torch import nn

from linksim.data.sources import SOURCES
from linksim.nets.cards import ModelCost, TrainingData, read_card
from linksim.nets.measured_cost import count_bytes, count_operations
from linksim.nets.weights import find_table, has_model
from linksim.registry import component
from linksim.training.task import Recipe

UNKNOWN_TERMS = "unknown"  # of a dataset that is not part of linksim


def cost_of(network: nn.Module, kind: str) -> ModelCost:
    """Return the cost of a network of a kind of model.

    Networks that encode images have channel uses; an inverse network receives symbols and has none. Operations and memory are those of the
    kind's workload for one image, on the CPU. A kind that is not run in batches counts as one operation per weight.

    >>> from linksim.nets.miea import MieaInverse, MieaJscc
    >>> cost_of(MieaJscc(channels=32), "codec").channel_uses, cost_of(MieaInverse(channels=32), "inverter").channel_uses
    (16384, None)
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    channel_uses = getattr(network, "channel_uses", None)
    if not hasattr(network, "encode") or not isinstance(channel_uses, int):
        channel_uses = None
    workload = component("model", kind).load_workload()
    if workload is None:
        return ModelCost(channel_uses, parameters, operations=parameters, layer_bytes=0, kept_bytes=0)
    run = workload(network.eval(), 1, next(network.parameters()).device)
    return ModelCost(channel_uses, parameters, count_operations(run), *count_bytes(run))


def training_data(task: Recipe) -> tuple[TrainingData, ...]:
    """Return the datasets behind a model: the dataset of its recipe, and those on the card of the reward table of a policy.

    The terms are those in `data.sources`, or `UNKNOWN_TERMS` for a dataset from outside linksim.
    """
    recipe, found = task.recipe, dict[str, str]()
    if isinstance(dataset := recipe.get("dataset"), str):
        found[dataset] = SOURCES[dataset].licence if dataset in SOURCES else UNKNOWN_TERMS
    if isinstance(reward_table := recipe.get("reward_table"), str) and has_model(reward_table):
        kind = str(recipe.get("table_kind", "reward-table"))
        card = read_card(find_table(reward_table, kind).with_suffix(".yaml"))
        found |= {data.dataset: data.terms for data in card.data}
    return tuple(TrainingData(dataset, terms) for dataset, terms in found.items())
