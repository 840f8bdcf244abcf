"""A digital link whose modulation and code rate follow the SNR: adaptive modulation and coding, as in every modern standard.

    Bob: measured SNR --policy `link-adaptation`--> mode --REPORT--> Alice: [compress to the mode's payload] --> [LDPC] --> [QAM]

A *mode* is a constellation, a code rate and a number of repetitions. The number of channel uses is the same in all modes, so a higher mode
carries more bits of a better image. The mode is a negotiated parameter, and a frame of each mode is one of `schemes.digital`.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from linksim.data.image_codec import ImageCodec
from linksim.negotiation import NegotiatedParameters
from linksim.phy.baseband import ReceivedSymbols
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.scenario.schemes import CodingMode
from linksim.schemes.digital import Digital
from linksim.schemes.parameters import FrameParameters, NegotiatedValues


@dataclass(frozen=True)
class Mode:
    """A mode of the link.

    order        number of constellation points
    rate         rate of the LDPC code
    repetition   number of times that every coded bit is sent
    required_db  SNR in dB from which at most 4 of 400 images are lost over AWGN, with 512 and with 1,280 channel uses and 20 iterations of
                 the decoder, in steps of 0.25 dB; only with 1,280 where 512 hold no image
    """

    order: int
    rate: str
    repetition: int
    required_db: float


MODES = (
    Mode(4, "1/2", 7, -4.75),
    Mode(4, "1/2", 4, -3.75),
    Mode(4, "1/2", 2, -0.5),
    Mode(4, "1/2", 1, 2.0),
    Mode(4, "3/4", 1, 5.0),
    Mode(16, "1/2", 1, 7.75),
    Mode(16, "2/3", 1, 10.0),
    Mode(16, "3/4", 1, 11.25),
    Mode(16, "5/6", 1, 12.5),
)  # in ascending order of the bits per channel use


class AdaptiveDigital:
    """The digital link in all modes.

    image_codec   compresses the images
    channel_uses  complex channel uses per image
    iterations    largest number of iterations of the LDPC decoder

    A mode whose payload holds no image at all is replaced by the next higher one that does. The attribute `budget` is the largest size of a
    compressed image in bytes, in the highest mode.
    """

    Parameters: type[NegotiatedParameters] = CodingMode
    images_per_item = 1
    detects_erasures = True

    def __init__(self, image_codec: ImageCodec, channel_uses: int, iterations: int) -> None:
        self.channel_uses = channel_uses
        links = [Digital(image_codec, channel_uses, mode.order, mode.rate, iterations, mode.repetition) for mode in MODES]
        usable = [place for place, link in enumerate(links) if link.budget >= image_codec.min_bytes]
        self.budget = links[-1].budget
        self._links = [links[next((place for place in usable if place >= mode), -1)] for mode in range(len(MODES))]

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        symbols = torch.empty(len(images), self.channel_uses, dtype=torch.complex64, device=images.device)
        for link, rows in self._by_mode(parameters):
            symbols[rows] = link.send(images[rows], parameters, noise)
        return symbols

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        parts: dict[str, Tensor] = {}
        for link, rows in self._by_mode(parameters):
            its_own = replace(received, symbols=received.symbols[rows], gain=received.gain[rows], noise_power=received.noise_power[rows])
            for name, part in link.receive(its_own, parameters, noise).tensors().items():
                whole = parts.setdefault(name, part.new_empty(len(received.symbols), *part.shape[1:]))
                whole[rows] = part
        return Reconstruction.of(parts)

    def _by_mode(self, parameters: FrameParameters) -> list[tuple[Digital, Tensor]]:
        """The link of each mode that occurs, with the numbers of its items."""
        assert isinstance(parameters, NegotiatedValues)
        (modes,) = parameters.columns()
        return [(self._links[mode], (modes == mode).nonzero().flatten()) for mode in sorted(set(modes.tolist()))]
