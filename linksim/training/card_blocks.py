"""The blocks `cost` and `data` of a model card, which follow from the network and from the training task."""

from torch import nn

from linksim.data.sources import SOURCES
from linksim.nets.cards import ModelCost, TrainingData, read_card
from linksim.nets.vqvae import VqVae
from linksim.nets.weights import find_table, has_model
from linksim.schemes import vqvae
from linksim.training.task import Recipe

UNKNOWN_TERMS = "unknown"  # of a dataset that is not part of linksim
NO_NETWORK = ModelCost(channel_uses=None, parameters=0)  # cost of a table


def cost_of(network: nn.Module) -> ModelCost:
    """Return the cost of a network. Networks that encode images have channel uses; an inverse network receives symbols and has none."""
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if isinstance(network, VqVae):
        return ModelCost(vqvae.channel_uses(network), parameters)
    channel_uses = getattr(network, "channel_uses", None) if hasattr(network, "encode") else None
    return ModelCost(channel_uses if isinstance(channel_uses, int) else None, parameters)


def training_data(task: Recipe) -> tuple[TrainingData, ...]:
    """Return the datasets behind a model: the dataset of its recipe, and those on the card of the reward table of a policy."""
    recipe, found = task.recipe, dict[str, str]()
    if isinstance(dataset := recipe.get("dataset"), str):
        found[dataset] = SOURCES[dataset].licence if dataset in SOURCES else UNKNOWN_TERMS
    if isinstance(reward_table := recipe.get("reward_table"), str) and has_model(reward_table):
        card = read_card(find_table(reward_table, "reward-table").with_suffix(".yaml"))
        found |= {data.dataset: data.terms for data in card.data}
    return tuple(TrainingData(dataset, terms) for dataset, terms in found.items())
