"""DiffuSeC: asymmetric diffusion around a semantic codec (Ren, Wu, Xu, Pan, "Asymmetric Diffusion Based Channel-Adaptive Secure
Wireless Semantic Communications").

    image -> [diffuse t_D steps] -> [ViT encoder] -> symbols
                                                        |  air
    image <- [denoise t_D + t_plus steps] <- [ViT decoder] <- [equalise]

What an attacker has added to the image drowns in the noise of the diffusion, and leaves with it when Bob denoises. The air adds noise of
its own, for which Bob takes t_plus steps more than Alice did.

Differs from the paper: Bob may take the way back in strides (`linksim.diffusion`), so that no image needs more than `calls` of the
network, and the codec's decoder is told the SNR after equalisation.
"""

import torch
from torch import Tensor

from linksim.diffusion import denoise, diffuse, to_pixels, to_unit
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.phy.noise import Noise
from linksim.schemes.deepjscc import snr_after_equalising_db
from linksim.schemes.parameters import FrameParameters, Steps


class Diffusec:
    """Diffuse, encode, radiate; equalise, decode, denoise.

    codec     carries diffused images
    denoiser  tells an image's noise at a step
    calls     most calls of the denoiser for an image, None for one per step
    """

    agrees: type[FrameParameters] = Steps
    images_per_item = 1
    checked = False

    def __init__(self, codec: Codec, denoiser: UNet, calls: int | None) -> None:
        self._codec, self._denoiser, self._calls = codec, denoiser, calls
        self.channel_uses = codec.channel_uses

    def send(self, source: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, Steps)
        images = source[:, 0]
        drawn = noise.real(images[0].numel()).view(images.shape)
        diffused = diffuse(to_unit(images), torch.as_tensor(parameters.t_d), drawn)  # Eq. (13)
        return self._codec.encode(to_pixels(diffused), torch.as_tensor(parameters.snr_db))  # Eq. (4)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Tensor:
        return self.purified(self.decoded(received), parameters, noise)

    def decoded(self, received: ReceivedSymbols) -> Tensor:
        """What the codec makes of it: float [batch, c, h, w], in about -1..1, the diffusion's noise still in it."""
        return to_unit(self._codec.decoder(equalise(received), snr_after_equalising_db(received)).float())  # Eq. (6), and not into 0..1

    def purified(self, decoded: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        """Images [batch, 1, c, h, w] in 0..1 of what was decoded."""
        assert isinstance(parameters, Steps)

        def draw(number: int) -> Tensor:
            return noise.branch(number).real(decoded[0].numel()).view(decoded.shape)

        t_p = torch.as_tensor(parameters.t_d) + torch.as_tensor(parameters.t_plus)
        return to_pixels(denoise(self._denoiser, decoded, t_p, draw, self._calls))[:, None]  # Eq. (23)
