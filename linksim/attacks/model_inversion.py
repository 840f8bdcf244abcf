"""Model inversion (MIEA Sec. III): Eve treats a frame as an undefended one and inverts the encoder.

The inversion is a parameter: an inverse network trained on captured pairs (closed box), or an optimisation through the encoder (open box,
`attacks.white_box`). An optional reordering of permuted pairs comes first (`attacks.jigsaw`).
"""

from collections.abc import Callable

from torch import Tensor

from linksim.phy.baseband import ReceivedSymbols, equalise, post_equalisation_snr

SymbolEncoder = Callable[[Tensor], Tensor]  # images [images, c, h, w] in 0..1 -> symbols complex [images, channel_uses]
SymbolDecoder = Callable[[Tensor], Tensor]  # equalised symbols complex [images, channel_uses] -> images [images, c, h, w] in 0..1
# (pairs complex [items, 2, channel_uses], noise power per symbol [items]) -> pairs in order, of the same shape
Reassemble = Callable[[Tensor, Tensor], Tensor]

MIN_SNR = 1e-6  # per symbol, linear; keeps the mean noise power of an item finite if a symbol has no gain


def invert_frames(
    decode: SymbolDecoder, channel_uses: int, received: ReceivedSymbols, images: int, reassemble: Reassemble | None = None
) -> Tensor:
    """Return Eve's images of a batch of items, float [batch, images, c, h, w] in 0..1.

    decode        inverts the encoder, image by image
    channel_uses  number of symbols that `decode` takes per image
    received      symbols complex [batch, n * channel_uses] with n >= images, or n a divisor of images
    images        number of images per item; further symbols of an item are a frame of noise that serves as companion, and are dropped. An
                  item with fewer symbols has images that share them, as a host and the image that is hidden in it: what Eve decodes stands
                  for each of these
    reassemble    reorders the symbols of an item first; None to leave them in the received order
    """
    symbols = equalise(received).reshape(len(received.symbols), -1, channel_uses)
    if reassemble is not None:
        symbols = reassemble(symbols, noise_after_equalisation(received))
    symbols = symbols[:, :images]
    decoded = decode(symbols.flatten(0, 1))
    found = decoded.reshape(*symbols.shape[:2], *decoded.shape[1:])
    return found.repeat_interleave(images // symbols.shape[1], dim=1)


def noise_after_equalisation(received: ReceivedSymbols) -> Tensor:
    """Return the mean noise power per equalised symbol of each item, real [batch], relative to unit signal power.

    Under fading the noise differs from symbol to symbol; attacks that assume white noise use the mean.
    """
    return (1.0 / post_equalisation_snr(received).clamp_min(MIN_SNR)).mean(dim=1)
