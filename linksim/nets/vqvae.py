"""A masked VQ-VAE, whose codebook both ends share: what travels is which codewords an image is made of (Hu, Zhang, Qin, Cai, Yu, Li,
"Robust Semantic Communications with Masked VQ-VAE Enabled Codebook").

    image -> [some cells masked, in training] -> [conv] -> [conv /2] -> [residual blocks] -> [conv] -> [nearest codewords] -> indices
    image <- [conv, x2] <- [conv, x2] <- [residual blocks] <- [conv] <- codewords <- [codebook] <---------------------------- indices

A cell is a square of `CELL` pixels. Its features are cut into several vectors, each with a codebook of its own, so that few codewords make
many cells.

Differs from the paper: small and convolutional where it has transformers, several codewords to a cell, and the decoder is told the SNR,
as the codecs are that it is compared with.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.codecs import FeatureDecoder
from linksim.nets.layers import Bottleneck

CELL = 4  # pixels: the side of a cell of the image


class Codebook(nn.Module):
    """The codewords of each of the vectors of a cell: parameter [codes, words, depth], zeros until `VqVae.start_from`."""

    def __init__(self, codes: int, words: int, depth: int) -> None:
        super().__init__()
        self.codes, self.depth = codes, depth
        self.words = nn.Parameter(torch.zeros(codes, words, depth))

    def vectors(self, features: Tensor) -> Tensor:
        """Features [batch, codes * depth, h, w] -> their vectors [codes, batch * h * w, depth] in float32."""
        batch, _, height, width = features.shape
        return features.float().view(batch, self.codes, self.depth, height, width).permute(1, 0, 3, 4, 2).flatten(1, 3)

    def nearest(self, features: Tensor) -> Tensor:
        """Features [batch, codes * depth, h, w] -> indices of the nearest codewords, int64 [batch, h * w, codes].

        Nearest is where `v . w - |w|^2 / 2` is largest, in float32 even where networks run in bfloat16.
        """
        batch = len(features)
        with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
            words = self.words.float()
            halves = words.square().sum(dim=2)[:, None] / 2.0
            closeness = torch.baddbmm(halves, self.vectors(features), words.transpose(1, 2), beta=-1.0)
        return closeness.argmax(dim=2).view(self.codes, batch, -1).permute(1, 2, 0)

    def lookup(self, indices: Tensor, side: int) -> Tensor:
        """Indices int64 [batch, side * side, codes] -> the codewords as features [batch, codes * depth, side, side]."""
        first = torch.arange(self.codes, device=indices.device) * self.words.shape[1]
        found = functional.embedding(indices + first, self.words.flatten(0, 1))
        return found.flatten(2).transpose(1, 2).reshape(len(indices), -1, side, side)

    def straight_through(self, features: Tensor, indices: Tensor) -> Tensor:
        """`lookup`, whose gradient goes to the codewords, and as it is to `features` too, though others may have been looked up."""
        return self.lookup(indices, features.shape[-1]) + (features - features.detach())

    @torch.no_grad()
    def reset_dead_codes(self, features: Tensor, indices: Tensor, chosen: Tensor) -> None:
        """Codewords that none of `indices`, those of `features`, names take the place of a vector: of the one that `chosen`, int64 [words]
        below batch * h * w, names for it."""
        vectors = self.vectors(features)
        for code in range(self.codes):
            idle = torch.bincount(indices[..., code].flatten(), minlength=len(chosen)) == 0
            self.words[code, idle] = vectors[code, chosen[idle]]


class CellEncoder(nn.Module):
    """Images [batch, colours, side, side] in 0..1 -> features [batch, codes * depth, side / 4, side / 4] in float32.

    Each vector is brought to a mean square of one: a codebook that is trained beside its encoder cannot follow one that grows.
    """

    def __init__(self, colours: int, codes: int, depth: int, stem: int, width: int, inner: int, blocks: int) -> None:
        super().__init__()
        self.codes, self.depth = codes, depth
        self.stem = nn.Sequential(
            nn.Conv2d(4 * colours, stem, 3, padding=1), nn.PReLU(stem), nn.Conv2d(stem, width, 3, stride=2, padding=1)
        )
        self.blocks = nn.Sequential(*(Bottleneck(width, inner) for _ in range(blocks)))
        self.out = nn.Conv2d(width, codes * depth, 1)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.out(self.blocks(self.stem(functional.pixel_unshuffle(images - 0.5, 2)))).float()
        batch, _, height, width = features.shape
        vectors = functional.normalize(features.view(batch, self.codes, self.depth, height, width), dim=2)
        return vectors.flatten(1, 2) * math.sqrt(self.depth)


class VqVae(nn.Module):
    """The autoencoder.

    colours, side  of the images it takes
    codes          vectors, and so indices, of a cell
    bits           of an index: a codebook has 2^bits codewords
    depth          values of a vector
    stem, width, inner, blocks  sizes of the layers
    """

    def __init__(
        self,
        *,
        colours: int = 3,
        side: int = 32,
        codes: int = 5,
        bits: int = 8,
        depth: int = 8,
        stem: int = 48,
        width: int = 128,
        inner: int = 64,
        blocks: int = 3,
    ) -> None:
        super().__init__()
        self.colours, self.side, self.codes, self.bits = colours, side, codes, bits
        self.rows = side // CELL
        self.encoder = CellEncoder(colours, codes, depth, stem, width, inner, blocks)
        self.codebook = Codebook(codes, 2**bits, depth)
        self.decoder = FeatureDecoder(colours, codes * depth, stem, width, inner, blocks)
        self.hidden = nn.Parameter(torch.zeros(colours, 1, 1))  # what stands where a cell is masked: a learnt colour

    def encode(self, images: Tensor) -> Tensor:
        """Images [batch, colours, side, side] in 0..1 -> indices int64 [batch, cells, codes], cell by cell in rows."""
        return self.codebook.nearest(self.encoder(images))

    def decode(self, indices: Tensor, snr_db: Tensor) -> Tensor:
        """Indices as from `encode`, right or wrong, SNR [batch] in dB they were received at -> images [batch, colours, side, side] in 0..1."""
        images: Tensor = self.decoder(self.codebook.lookup(indices, self.rows), snr_db)
        return images.clamp(0.0, 1.0)

    def masked(self, images: Tensor, cells: Tensor) -> Tensor:
        """Images with the learnt colour where `cells`, bool [batch, side / 4, side / 4], is true."""
        covered = cells.repeat_interleave(CELL, 1).repeat_interleave(CELL, 2)[:, None]
        return torch.where(covered, self.hidden + 0.5, images)

    @torch.no_grad()
    def start_from(self, images: Tensor, chosen: Tensor) -> None:
        """Take for codewords what the encoder makes of cells of `images` [n, colours, side, side]: those that `chosen`, int64 [2^bits]
        below n * cells, names."""
        self.codebook.words.copy_(self.codebook.vectors(self.encoder(images))[:, chosen])
