"""Model inversion (MIEA Sec. III): Eve takes a frame for what an undefended one would be, and undoes the encoder.

How she undoes it is handed in: an inverse network trained on captured pairs (closed box), or a search through the encoder (open box,
`attacks.white_box`).
"""

from collections.abc import Callable

from torch import Tensor

from linksim.phy.link import Heard, equalise

Undo = Callable[[Tensor], Tensor]  # symbols complex [images, uses], equalised -> pictures [images, c, h, w] in 0..1


def inverted(undo: Undo, uses: int, heard: Heard, images: int) -> Tensor:
    """Eve's pictures of a batch of items, float [batch, images, c, h, w] in 0..1.

    uses    that `undo` takes per image
    heard   complex [batch, n * uses], n >= images
    images  how many pictures of each item she keeps: the last symbols of an item may be a frame of noise that travelled as companion
    """
    symbols = equalise(heard).reshape(len(heard.symbols), -1, uses)[:, :images]
    pictures = undo(symbols.flatten(0, 1))
    return pictures.reshape(len(symbols), images, *pictures.shape[1:])
