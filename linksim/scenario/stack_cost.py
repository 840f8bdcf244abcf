"""Cost of a stack of schemes, from its base scheme to its outermost layer."""

import math
from collections.abc import Sequence
from dataclasses import replace

from linksim.cost import Cost, Traffic
from linksim.scenario.layers import LayerOptions
from linksim.scenario.schemes import SchemeOptions


def cost_of_stack(stack: Sequence[SchemeOptions | LayerOptions], traffic: Traffic) -> Cost:
    """Return the cost of a stack whose last item is its base scheme. Each layer's cost depends on the schemes inside.

    >>> from linksim.scenario.layers import PermutationOptions
    >>> from linksim.scenario.schemes import DeepJsccOptions
    >>> found = cost_of_stack([PermutationOptions(), DeepJsccOptions()], Traffic(image_values=3072, images=8))
    >>> found.channel_uses, found.pairs
    (4096, 4)
    """
    group = math.prod(part.images_per_item for part in stack if isinstance(part, LayerOptions))
    companion = group > 1 and traffic.images % group != 0
    total, items = stack[-1].cost(traffic), traffic.images
    for layer in reversed(stack[:-1]):
        assert isinstance(layer, LayerOptions)
        cost = layer.cost(replace(traffic, channel_uses=total.channel_uses, items=items, noise_companion=companion))
        total = replace(total, channel_uses=0) + cost
        items = items if companion else items // layer.images_per_item
    return total
