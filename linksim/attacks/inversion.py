"""Model inversion with a closed box (MIEA Sec. III-B): a network that was trained on captured pairs turns symbols into pictures."""

from torch import Tensor

from linksim.nets.inverters import InverseNet
from linksim.phy.link import Heard, equalise


def closed_box(inverter: InverseNet, heard: Heard, images: int) -> Tensor:
    """Eve's pictures of a batch of items, float [batch, images, c, h, w] in 0..1.

    heard   complex [batch, uses], with `uses` a multiple of what the inverter takes per image
    images  how many pictures of each item she keeps

    She takes an item for what an undefended one would be: one image after the other. The last symbols of an item may be a frame of noise
    that travelled as companion; its picture is dropped.
    """
    symbols = equalise(heard).reshape(len(heard.symbols), -1, inverter.uses)[:, :images]
    pictures = inverter.invert(symbols.flatten(0, 1))
    return pictures.reshape(len(symbols), images, *pictures.shape[1:])
