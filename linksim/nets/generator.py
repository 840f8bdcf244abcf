"""Generators of images: a latent code z and per-layer noise n, both standard normal, become an image (Tang et al., Eq. 16).

    z --> [eigenfaces] --> blurred image -----------------------------------------------------------(+)--> image
     \\--> [style] ------------------\\       |                                                        ^
                                     v      v                                                        |
    n (one map per layer) --> [conv /4] --> [styled blocks] --> [conv, x2] --> [styled block] --> [conv, x2]

    image --> [projection on the eigenfaces] --> z           image - blurred image --> [convolutions] --> n

An eavesdropper uses a generator as her prior: she searches z and n (`attacks.map_inversion`), or passes her image through `embed` and
`generate`, which leaves what faces have in common. Eigenfaces (Turk and Pentland, 1991) alone are a generator, too: linear, without noise.

Differs from the paper, whose generator is SemanticStyleGAN: z are coefficients of principal components in units of their standard
deviation, so that their prior is standard normal to second order by construction. The residual network is the decoder of a variational
autoencoder (Kingma and Welling, 2014) whose latent variables are the noise maps, and not one of an adversarial training: it reproduces
given faces well, and random samples are less sharp than those of a GAN.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.layers import Bottleneck

SHRINK = 4  # side of an image over that of the coarsest noise map
LOG_VARIANCE = -5.0  # of the noise maps before the training, so that they carry information from the start


class Generator(nn.Module, ABC):
    """Base class of the generators.

    colours, side  number of colour channels and side of the images
    latents        length of the latent code z
    noise_size     number of values of the noise n, 0 if there is none
    """

    def __init__(self, colours: int, side: int, latents: int, noise_size: int) -> None:
        super().__init__()
        self.colours, self.side, self.latents, self.noise_size = colours, side, latents, noise_size

    @abstractmethod
    def generate(self, z: Tensor, noise: Tensor) -> Tensor:
        """Return images [batch, colours, side, side], not clamped. The function is differentiable in both arguments.

        z      latent code, float [batch, latents], standard normal
        noise  float [batch, noise_size], standard normal; zeros give the image without stochastic detail
        """

    @abstractmethod
    def embed(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return z [batch, latents] and noise [batch, noise_size] with which `generate` approximates images [batch, c, side, side]."""

    def regenerate(self, images: Tensor) -> Tensor:
        """Return the nearest images of the generator to `images`, as `embed` and `generate` find them. Same shape, not clamped."""
        return self.generate(*self.embed(images))


class Eigenfaces(Generator):
    """The mean face and principal components of faces. z are coefficients in units of their standard deviation.

    colours, side  number of colour channels and side of the images
    coarse         side at which the components are stored; bicubic interpolation leads to the images
    latents        number of components

    >>> Eigenfaces(latents=2, side=8, coarse=4).generate(torch.zeros(1, 2), torch.zeros(1, 0)).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(self, *, colours: int = 3, side: int = 128, coarse: int = 48, latents: int = 600) -> None:
        super().__init__(colours, side, latents, 0)
        self.coarse = coarse
        self.mean = nn.Parameter(torch.full((colours * coarse**2,), 0.5))
        self.components = nn.Parameter(torch.zeros(latents, colours * coarse**2))  # orthonormal rows
        self.spread = nn.Parameter(torch.ones(latents))  # standard deviation of each coefficient

    def generate(self, z: Tensor, noise: Tensor) -> Tensor:
        """See `Generator.generate`."""
        with torch.autocast(z.device.type, enabled=False):  # bfloat16 would leave visible rounding errors
            values = torch.addmm(self.mean, z.float() * self.spread, self.components)
            coarse = values.view(-1, self.colours, self.coarse, self.coarse)
            return functional.interpolate(coarse, size=(self.side, self.side), mode="bicubic", align_corners=False)

    def embed(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """See `Generator.embed`. The images are projected on the components."""
        with torch.autocast(images.device.type, enabled=False):
            values = self.shrink(images.float()) - self.mean
            return values @ self.components.T / self.spread, images.new_zeros(len(images), 0)

    def shrink(self, images: Tensor) -> Tensor:
        """Return images [batch, colours, side, side] at the size of the components, as rows [batch, colours coarse^2]."""
        return functional.interpolate(images, size=(self.coarse, self.coarse), mode="area").flatten(1)


class NoiseMaps(NamedTuple):
    """Noise of the layers of `StyleGenerator`, or parameters of its distribution.

    quarter  one map per block at a quarter of the side, float [batch, blocks, h / 4, w / 4]
    half     the map at half of the side, float [batch, 1, h / 2, w / 2]
    """

    quarter: Tensor
    half: Tensor


class StyleGenerator(Generator):
    """Eigenfaces and a residual of style-modulated convolutions with per-layer noise.

    colours, side  number of colour channels and side of the images
    coarse         side at which the eigenfaces are stored
    latents        number of eigenfaces
    width, inner   channels at a quarter of the side, and inside its residual blocks
    stem           channels at half of the side
    blocks         residual blocks at a quarter of the side, with one noise map each

    >>> generator = StyleGenerator(latents=4, side=16, coarse=4, width=8, inner=4, stem=4, blocks=2)
    >>> generator.noise_size  # 2 maps of 4 x 4 and one of 8 x 8
    96
    """

    def __init__(
        self,
        *,
        colours: int = 3,
        side: int = 128,
        coarse: int = 48,
        latents: int = 600,
        width: int = 128,
        inner: int = 96,
        stem: int = 48,
        blocks: int = 4,
    ) -> None:
        self.shapes = ((blocks, side // SHRINK, side // SHRINK), (1, side // 2, side // 2))
        super().__init__(colours, side, latents, sum(n * h * w for n, h, w in self.shapes))
        self.eigenfaces = Eigenfaces(colours=colours, side=side, coarse=coarse, latents=latents)
        self.synthesis = Synthesis(colours, latents, width, inner, stem, blocks)
        self.encoder = NoiseEncoder(colours, width, inner, blocks)

    def generate(self, z: Tensor, noise: Tensor) -> Tensor:
        """See `Generator.generate`."""
        parts = torch.split(noise, [n * h * w for n, h, w in self.shapes], dim=1)
        maps = NoiseMaps(*(part.reshape(len(part), *shape) for part, shape in zip(parts, self.shapes, strict=True)))
        blurred = self.eigenfaces.generate(z, noise)
        residual: Tensor = self.synthesis(blurred, z, maps)
        return blurred + residual.float()

    def embed(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """See `Generator.embed`. The noise is the mean that the encoder predicts."""
        z, none = self.eigenfaces.embed(images)
        mean, _ = self.encoder(images, self.eigenfaces.generate(z, none))
        return z, torch.cat([part.flatten(1).float() for part in mean], dim=1)


class Synthesis(nn.Module):
    """(blurred images [batch, colours, h, w], z [batch, latents], noise maps) -> residual, of the shape of the images.

    The sizes are those of `StyleGenerator`. The network works on crops of images, too; z is then that of the whole image.
    """

    def __init__(self, colours: int, latents: int, width: int, inner: int, stem: int, blocks: int) -> None:
        super().__init__()
        self.style = nn.Sequential(nn.Linear(latents, width), nn.PReLU(width))
        self.inp = nn.Conv2d(colours * SHRINK**2, width, 3, padding=1)
        self.blocks = nn.ModuleList(StyledBlock(width, inner, width) for _ in range(blocks))
        self.grow = nn.Conv2d(width, 4 * stem, 3, padding=1)
        self.fine = StyledBlock(stem, stem, width)
        self.out = nn.Conv2d(stem, 4 * colours, 3, padding=1)

    def forward(self, blurred: Tensor, z: Tensor, noise: NoiseMaps) -> Tensor:
        style = self.style(z)
        x = self.inp(functional.pixel_unshuffle(blurred - 0.5, SHRINK).contiguous(memory_format=torch.channels_last))
        for block, noise_map in zip(self.blocks, torch.split(noise.quarter, 1, dim=1), strict=True):
            x = block(x, style, noise_map)
        x = functional.pixel_shuffle(functional.gelu(self.grow(x)), 2)
        return functional.pixel_shuffle(self.out(self.fine(x, style, noise.half)), 2)


class StyledBlock(nn.Module):
    """Residual block: 3x3 convolution, modulation by the style, noise, GELU, 1x1 convolution. [batch, channels, h, w] -> the same shape.

    channels  channels of input and output
    inner     channels between the two convolutions
    style     length of the style vector, which scales and shifts these channels (Karras et al., "StyleGAN", 2019)
    """

    def __init__(self, channels: int, inner: int, style: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, inner, 3, padding=1)
        self.modulation = nn.Linear(style, 2 * inner)
        self.noise = nn.Conv2d(1, inner, 1, bias=False)
        self.expand = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        scale, shift = self.modulation(style)[:, :, None, None].chunk(2, dim=1)
        inside = torch.addcmul(shift, self.reduce(x), 1.0 + scale) + self.noise(noise)
        out: Tensor = x + self.expand(functional.gelu(inside))
        return out


class NoiseEncoder(nn.Module):
    """(images, blurred images), both [batch, colours, h, w] -> mean and log variance of the noise maps that give the images.

    The sizes are those of `StyleGenerator`.
    """

    def __init__(self, colours: int, width: int, inner: int, blocks: int) -> None:
        super().__init__()
        self.inp = nn.Conv2d(2 * colours * SHRINK**2, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Bottleneck(width, inner) for _ in range(2)))
        self.out = nn.Conv2d(width, 2 * (blocks + 4), 3, padding=1)

    def forward(self, images: Tensor, blurred: Tensor) -> tuple[NoiseMaps, NoiseMaps]:
        both = torch.cat([images - blurred, blurred - 0.5], dim=1)
        x = self.inp(functional.pixel_unshuffle(both, SHRINK).contiguous(memory_format=torch.channels_last))
        mean, log_variance = self.out(self.blocks(x)).chunk(2, dim=1)
        return self._maps(mean), self._maps(log_variance + LOG_VARIANCE)

    def _maps(self, values: Tensor) -> NoiseMaps:
        """Split values [batch, blocks + 4, h / 4, w / 4] into noise maps; the last four channels are the map at half of the side."""
        return NoiseMaps(values[:, :-4], functional.pixel_shuffle(values[:, -4:], 2))
