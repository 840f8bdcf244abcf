"""The invertible network of covert communication (Tang et al., Sec. IV-B), with blocks after Lu et al., "Large-Capacity Image Steganography
Based on Invertible Neural Networks" (CVPR 2021).

    host    --(+)------------------------*--> ... --> container --> unit power --> channel
               |                         |
             [phi]                  [rho] [eta]
               |                         |
    private ---*--( x exp(rho) )-( + eta )--> ... --> lost part, which Bob replaces by zeros

The network is invertible: given the container and the lost part, it returns host and private exactly. Bob has a noisy container and zeros.

Differs from the paper, whose formulas are damaged in the available text: tanh bounds the exponent; the last layer of each function is zero
at the start, so that training begins with the identity; the container has unit power, and Bob scales it by a learned factor; the SNR that
the decoder is given for each image is a learned function of the channel's, because the inverse enhances the noise.
"""

import torch
from torch import Tensor, nn

from linksim.nets.codecs import feature_rows
from linksim.nets.hiders import FOLD, Hider, HidingKey, Revealed, fold, unfold
from linksim.phy.baseband import normalise_power

SLOPE = 0.2  # of the leaky rectifiers below zero
SNR_RANGE_DB = (-10.0, 30.0)  # of the SNR that a decoder is given


class Coupling(nn.Module):
    """One invertible block, Eqs. (27) and (29). Both signals are real [batch, width, h, w].

    width   channels of each signal
    hidden  channels inside the functions phi, rho and eta
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.phi, self.rho, self.eta = (_residual_function(width, hidden) for _ in range(3))

    def forward(self, host: Tensor, private: Tensor) -> tuple[Tensor, Tensor]:
        """Eq. (27)."""
        host = host + self.phi(private).to(host.dtype)
        scale, shift = self._affine(host)
        return host, private * scale.exp() + shift

    def inverse(self, host: Tensor, private: Tensor) -> tuple[Tensor, Tensor]:
        """Eq. (29): the inverse of `forward`."""
        scale, shift = self._affine(host)
        private = (private - shift) * (-scale).exp()
        return host - self.phi(private).to(host.dtype), private

    def _affine(self, host: Tensor) -> tuple[Tensor, Tensor]:
        return self.rho(host).to(host.dtype).tanh(), self.eta(host).to(host.dtype)


class InvertibleHider(Hider):
    """The invertible network as a hider.

    channels, side  real feature channels of the codec, and side of the images in pixels
    blocks, hidden  number of invertible blocks, and channels inside their functions

    It takes no key.
    """

    def __init__(self, *, channels: int = 8, side: int = 128, blocks: int = 8, hidden: int = 48) -> None:
        super().__init__(channels, feature_rows(side, channels)[1])
        self.blocks = nn.ModuleList(Coupling(channels * FOLD**2, hidden) for _ in range(blocks))
        self.log_gain = nn.Parameter(torch.zeros(()))
        self.snr_offset_db, self.snr_slope = nn.Parameter(torch.tensor([0.0, -2.0])), nn.Parameter(torch.tensor([1.0, 1.0]))

    def forward(self, host: Tensor, private: Tensor) -> tuple[Tensor, Tensor]:
        """Return container and lost part, Eq. (28). All signals are folded features, real [batch, 4 channels, h, w]."""
        for block in self.blocks:
            host, private = block(host, private)
        return host, private

    def inverse(self, container: Tensor, lost: Tensor) -> tuple[Tensor, Tensor]:
        """Return host and private, the inverse of `forward`."""
        for block in reversed(self.blocks):
            assert isinstance(block, Coupling)
            container, lost = block.inverse(container, lost)
        return container, lost

    def embed(self, host: Tensor, private: Tensor, key: HidingKey | None = None) -> tuple[Tensor, Tensor]:
        """Return containers, complex [batch, channel_uses], before their power is normalised, and lost parts, which training minimises."""
        container, lost = self.forward(fold(host, self.channels), fold(private, self.channels))
        return unfold(container), lost

    def hide(self, host: Tensor, private: Tensor, key: HidingKey | None = None) -> Tensor:
        """See `Hider.hide`."""
        return normalise_power(self.embed(host, private, key)[0])

    def reveal(self, symbols: Tensor, snr_db: Tensor, key: HidingKey | None = None) -> Revealed:
        """See `Hider.reveal`; the lost part is replaced by zeros, Eq. (26)."""
        received = fold(symbols * self.log_gain.exp(), self.channels)
        host, private = self.inverse(received, torch.zeros_like(received))
        given = snr_db[:, None] * self.snr_slope + self.snr_offset_db
        return Revealed(unfold(host), unfold(private), *given.clamp(*SNR_RANGE_DB).unbind(dim=1))


def _residual_function(width: int, hidden: int) -> nn.Sequential:
    """Return three convolutions whose result is zero at the start."""
    inner = (nn.Conv2d(width, hidden, 3, padding=1), nn.LeakyReLU(SLOPE), nn.Conv2d(hidden, hidden, 3, padding=1), nn.LeakyReLU(SLOPE))
    return nn.Sequential(*inner, ZeroConv2d(hidden, width))


class ZeroConv2d(nn.Module):
    """A 1x1 convolution without bias whose weights are zero at the start of the training. [batch, inputs, h, w] -> [batch, outputs, h, w].

    It is no `nn.Conv2d`, whose weights `layers.draw_weights` would draw.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.weight)
