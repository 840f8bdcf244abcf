"""Factory of the attack `decoder`: Eve has the codec's decoder, gain and noise power of her own path, and no keys.

    received symbols --> [equalise] --> [decoder(SNR)] --> images

On a covert link she sees the host, which is then scored against the private image as well.
"""

import torch
from torch import Tensor

from linksim.attacks.attack import Attack, OperationAttack
from linksim.attacks.model_inversion import invert_frames
from linksim.errors import LinksimError
from linksim.phy.baseband import ReceivedSymbols
from linksim.scenario.attacks import DecoderAttack
from linksim.schemes.deepjscc import snr_after_equalising_db
from linksim.simulate.eve_factory import EveContext, codec_of
from linksim.worker import Named, Operation


def make_decoder(options: DecoderAttack, context: EveContext) -> Attack:
    """Factory of the attack `decoder`. Batch size and precision are those of the codec's card.

    Raises LinksimError if the scheme has no codec.
    """
    codec, link, scheme = codec_of(context), context.options, context.stack.scheme
    if codec is None:
        raise LinksimError(f"attack 'decoder' needs the decoder of a codec; scheme {link.scheme[-1].name!r} has none")
    images, precision, equaliser = scheme.images_per_item, context.precision(context.base.runtime), link.channel.eve.equaliser

    def run(symbols: Tensor, gain: Tensor, noise_power: Tensor) -> Named:
        received = ReceivedSymbols(symbols, gain, noise_power, equaliser)
        snr_db = snr_after_equalising_db(received)

        def decode(codewords: Tensor) -> Tensor:
            return codec.decode(codewords, snr_db.repeat_interleave(len(codewords) // len(snr_db)))

        with torch.inference_mode(), precision():
            return {"images": invert_frames(decode, codec.channel_uses, received, images)}

    key = ("decoder", link.scheme[-1], images, scheme.channel_uses, equaliser)
    batch = max(1, context.base.runtime.batch // images)
    return OperationAttack(context.worker, context.cached(key, lambda: Operation("eve_decode", run, batch)))
