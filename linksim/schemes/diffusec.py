"""DiffuSeC: asymmetric diffusion around a semantic codec (Ren, Wu, Xu, Pan, "Asymmetric Diffusion Based Channel-Adaptive Secure
Wireless Semantic Communications").

    image -> [diffuse t_D steps] -> [ViT encoder] -> symbols
                                                        |  air
    image <- [denoise t_D + t_plus steps] <- [ViT decoder] <- [equalise]

The noise of the diffusion masks an adversarial perturbation of the image, and Bob's denoiser removes both. The channel adds further noise,
so Bob denoises t_plus more steps than Alice diffused: t_P = t_D + t_plus, Eq. (23). Bob's policy chooses t_D and t_plus (`linksim.adapt`),
and the session carries them to Alice; here they are parameters of the frame.

Differs from the paper: Bob may denoise with a stride of several steps (`linksim.diffusion`), so that no image needs more than `num_calls`
calls of the network. Encoder and decoder take an SNR as an input: the measured one, or always the same (`codec_snr_db`). With the measured
SNR the decoder removes most of the channel's noise itself, and what is left is blur; with the same high SNR everywhere its output has the
noise that Eq. (22) assumes, and t_plus has something to remove.
"""

import torch
from torch import Tensor

from linksim.diffusion import denoise, diffuse, to_pixels, to_unit
from linksim.negotiation import NegotiatedParameters
from linksim.nets.codecs import Codec
from linksim.nets.unet import UNet
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.phy.noise import Noise
from linksim.reconstruction import Reconstruction
from linksim.scenario.schemes import DiffusionSteps
from linksim.schemes.deepjscc import codec_snr_db, snr_after_equalising_db
from linksim.schemes.parameters import FrameParameters, NegotiatedValues


class Diffusec:
    """DiffuSeC: Alice diffuses and encodes; Bob equalises, decodes and denoises. It implements `Scheme`.

    Frame parameters are `NegotiatedValues` with the columns t_D and t_plus, in steps of `linksim.diffusion`.

    codec         encoder and decoder for diffused images
    denoiser      network that predicts the noise in an image at a diffusion step
    num_calls     largest number of denoiser calls per image; None for one call per step
    codec_snr_db  SNR in dB that encoder and decoder are given at every SNR; None for the measured one
    channel_uses  complex channel uses per image, those of the codec
    """

    Parameters: type[NegotiatedParameters] = DiffusionSteps
    images_per_item = 1
    detects_erasures = False

    def __init__(self, codec: Codec, denoiser: UNet, num_calls: int | None, codec_snr_db: float | None = None) -> None:
        self._codec, self._denoiser, self._num_calls, self._given_db = codec, denoiser, num_calls, codec_snr_db
        self.channel_uses = codec.channel_uses

    def send(self, images: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        assert isinstance(parameters, NegotiatedValues)
        t_d, _ = parameters.columns()
        images = images[:, 0]
        diffusion_noise = noise.real(images[0].numel()).view(images.shape)
        diffused = diffuse(to_unit(images), t_d, diffusion_noise)  # Eq. (13)
        return self._codec.encode(to_pixels(diffused), self._given(codec_snr_db(parameters.snr_db)))  # Eq. (4)

    def receive(self, received: ReceivedSymbols, parameters: FrameParameters, noise: Noise) -> Reconstruction:
        decoded = self.decode(received)
        return Reconstruction(self.purify(decoded, parameters, noise), undenoised=to_pixels(decoded)[:, None])

    def decode(self, received: ReceivedSymbols) -> Tensor:
        """Return the decoder's output before denoising, float [batch, c, h, w].

        Its values lie in about -1..1 and are not clipped, as in Eq. (6) with the inverse of Eq. (4); they still contain the noise of the
        diffusion, which a clip would distort. The training of the denoiser through the link calls this method (`training.link_denoiser`).
        """
        snr_db = self._given(snr_after_equalising_db(received))
        return to_unit(self._codec.decoder(equalise(received), snr_db).float())  # Eq. (6), without clipping

    def purify(self, decoded: Tensor, parameters: FrameParameters, noise: Noise) -> Tensor:
        """Denoise the output of `decode` by t_D + t_plus steps, Eq. (23). [batch, c, h, w] -> images [batch, 1, c, h, w] in 0..1.

        Draw `k` of the reverse process comes from branch `k` of an item's noise, so it depends on neither the batch nor the other draws.
        """
        assert isinstance(parameters, NegotiatedValues)
        t_d, t_plus = parameters.columns()

        def draw(number: int) -> Tensor:
            return noise.branch(number).real(decoded[0].numel()).view(decoded.shape)

        return to_pixels(denoise(self._denoiser, decoded, t_d + t_plus, draw, self._num_calls))[:, None]  # Eq. (23)

    def _given(self, measured_db: Tensor) -> Tensor:
        """Return the SNR that the codec is given in dB, float [batch]."""
        return measured_db if self._given_db is None else torch.full_like(measured_db, self._given_db)
