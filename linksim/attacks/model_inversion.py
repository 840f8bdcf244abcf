"""Model inversion (MIEA Sec. III): Eve takes a frame for what an undefended one would be, and undoes the encoder.

How she undoes it is handed in: an inverse network trained on captured pairs (closed box), or a search through the encoder (open box,
`attacks.white_box`); and so is how she first puts a shuffled pair together again, where she does (`attacks.jigsaw`).
"""

from collections.abc import Callable

from torch import Tensor

from linksim.phy.baseband import ReceivedSymbols, equalise, post_equalisation_snr

SymbolDecoder = Callable[[Tensor], Tensor]  # symbols complex [images, uses], equalised -> images [images, c, h, w] in 0..1
Reassemble = Callable[[Tensor, Tensor], Tensor]  # pairs complex [items, 2, uses], noise power of a symbol [items] -> pairs in order

LEAST_SNR = 1e-6  # of a symbol, linear: one of no gain tells nothing, but is not to make an item's mean noise infinite


def invert_frames(
    undo: SymbolDecoder, channel_uses: int, received: ReceivedSymbols, images: int, reassemble: Reassemble | None = None
) -> Tensor:
    """Eve's images of a batch of items, float [batch, images, c, h, w] in 0..1.

    uses        that `undo` takes per image
    received       complex [batch, n * uses], n >= images
    images      how many images of each item she keeps: the last symbols of an item may be a frame of noise that travelled as companion
    reassemble  what she does to an item before, if anything
    """
    symbols = equalise(received).reshape(len(received.symbols), -1, channel_uses)
    if reassemble is not None:
        symbols = reassemble(symbols, (1.0 / post_equalisation_snr(received).clamp_min(LEAST_SNR)).mean(dim=1))
    symbols = symbols[:, :images]
    pictures = undo(symbols.flatten(0, 1))
    return pictures.reshape(len(symbols), images, *pictures.shape[1:])
