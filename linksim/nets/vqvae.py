"""A masked VQ-VAE whose codebook is shared by both ends: the link carries the indices of the codewords of an image (Hu, Zhang, Qin, Cai,
Yu, Li, "Robust Semantic Communications with Masked VQ-VAE Enabled Codebook").

    image -> [some cells masked, in training] -> [conv] -> [conv /2] -> [residual blocks] -> [conv] -> [nearest codewords] -> indices
    image <- [conv, x2] <- [conv, x2] <- [residual blocks] <- [conv] <- codewords <- [codebook] <---------------------------- indices

A cell is a square with a side of `CELL` pixels. Its features are split into several vectors, each with its own codebook, so that a few
codewords represent many different cells.

Differs from the paper: the network is small and convolutional instead of a transformer, a cell has several codewords, and the decoder
is conditioned on the SNR like the codecs that it is compared with.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.codecs import FeatureDecoder
from linksim.nets.layers import Bottleneck

CELL = 4  # side of a cell in pixels


class Codebook(nn.Module):
    """The codewords for each vector of a cell: a parameter [codes, words, depth], zero until `VqVae.initialise_from` is called.

    codes  vectors per cell, each with a codebook of its own
    words  codewords per codebook
    depth  values per codeword

    >>> book = Codebook(codes=1, words=2, depth=2)
    >>> _ = book.words.data.copy_(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]))
    >>> indices = book.nearest(torch.tensor([0.2, 0.9]).view(1, 2, 1, 1))
    >>> indices.flatten().tolist(), book.lookup(indices, side=1).flatten().tolist()
    ([1], [0.0, 1.0])
    """

    def __init__(self, codes: int, words: int, depth: int) -> None:
        super().__init__()
        self.codes, self.depth = codes, depth
        self.words = nn.Parameter(torch.zeros(codes, words, depth))

    def vectors(self, features: Tensor) -> Tensor:
        """Split features [batch, codes * depth, h, w] into vectors [codes, batch * h * w, depth] in float32."""
        batch, _, height, width = features.shape
        return features.float().view(batch, self.codes, self.depth, height, width).permute(1, 0, 3, 4, 2).flatten(1, 3)

    def nearest(self, features: Tensor) -> Tensor:
        """Return the indices of the nearest codewords, int64 [batch, h * w, codes], for features [batch, codes * depth, h, w].

        The nearest codeword maximises `v . w - |w|^2 / 2`. The computation is in float32 even if networks run in bfloat16.
        """
        batch = len(features)
        with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
            words = self.words.float()
            halves = words.square().sum(dim=2)[:, None] / 2.0
            closeness = torch.baddbmm(halves, self.vectors(features), words.transpose(1, 2), beta=-1.0)
        return closeness.argmax(dim=2).view(self.codes, batch, -1).permute(1, 2, 0)

    def lookup(self, indices: Tensor, side: int) -> Tensor:
        """Return the codewords of indices int64 [batch, side * side, codes] as features [batch, codes * depth, side, side]."""
        first = torch.arange(self.codes, device=indices.device) * self.words.shape[1]
        found = functional.embedding(indices + first, self.words.flatten(0, 1))
        return found.flatten(2).transpose(1, 2).reshape(len(indices), -1, side, side)

    def straight_through(self, features: Tensor, indices: Tensor) -> Tensor:
        """Look up `indices`, with a straight-through gradient to `features` in addition to that of the codewords.

        The indices may differ from the nearest ones, for example after transmission errors. The rounding to a codeword has no useful
        derivative, so the encoder receives the gradient of the decoder's input unchanged (van den Oord, Vinyals, Kavukcuoglu, 2017).

        features  [batch, codes * depth, side, side]
        indices   int64 [batch, side * side, codes]
        """
        return self.lookup(indices, features.shape[-1]) + (features - features.detach())

    @torch.no_grad()
    def reset_dead_codes(self, features: Tensor, indices: Tensor, chosen: Tensor) -> None:
        """Replace every codeword that does not occur in `indices` by a vector of `features`.

        A codeword that is never the nearest receives no gradient and would stay unused.

        features  [batch, codes * depth, h, w]
        indices   indices of the nearest codewords of the features
        chosen    replacement vector for each codeword, int64 [words] in 0..batch * h * w - 1
        """
        vectors = self.vectors(features)
        for code in range(self.codes):
            unused = torch.bincount(indices[..., code].flatten(), minlength=len(chosen)) == 0
            self.words[code, unused] = vectors[code, chosen[unused]]


class CellEncoder(nn.Module):
    """Images [batch, colours, side, side] in 0..1 -> features [batch, codes * depth, side / 4, side / 4] in float32.

    Each vector is normalised to a mean square of one, because the codebook cannot follow an encoder whose output grows during training.

    colours  colour channels of the images
    codes    vectors per cell
    depth    values per vector
    stem     channels at half of the side
    width    channels at a quarter of the side
    inner    channels inside a residual block
    blocks   number of residual blocks
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
    """The autoencoder: encoder, codebooks and decoder. A link sends the indices (`schemes.vqvae`).

    colours, side               number of colour channels and side of the images
    codes                       vectors, and therefore indices, per cell
    bits                        bits per index; a codebook has 2^bits codewords
    depth                       values per vector
    stem, width, inner, blocks  sizes of the layers, see `CellEncoder`
    channel_uses                complex channel uses per image, which a channel code fills; None for those of the bits without a code
    rows                        cells per side of the image
    coded                       whether the bits have a channel code

    Raises ValueError if the channel uses are fewer than the bits of an image, of which the channel code makes two each.

    >>> VqVae(width=16, stem=8, inner=8, blocks=1).encode(torch.rand(2, 3, 32, 32)).shape  # 8 x 8 cells with 5 indices each
    torch.Size([2, 64, 5])
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
        channel_uses: int | None = None,
    ) -> None:
        super().__init__()
        self.colours, self.side, self.codes, self.bits = colours, side, codes, bits
        self.rows, self.coded = side // CELL, channel_uses is not None
        image_bits = self.rows**2 * codes * bits
        self.channel_uses = image_bits // 2 if channel_uses is None else channel_uses  # QPSK has two bits per symbol
        if self.coded and self.channel_uses < image_bits:
            raise ValueError(f"a channel code for {image_bits} bits needs as many channel uses, got {channel_uses}")
        self.encoder = CellEncoder(colours, codes, depth, stem, width, inner, blocks)
        self.codebook = Codebook(codes, 2**bits, depth)
        self.decoder = FeatureDecoder(colours, codes * depth, stem, width, inner, blocks)
        self.hidden = nn.Parameter(torch.zeros(colours, 1, 1))  # trained colour of masked cells

    def encode(self, images: Tensor) -> Tensor:
        """Encode images [batch, colours, side, side] in 0..1 to indices int64 [batch, cells, codes], with cells in row-major order."""
        return self.codebook.nearest(self.encoder(images))

    def decode(self, indices: Tensor, snr_db: Tensor) -> Tensor:
        """Decode received indices int64 [batch, cells, codes] to images [batch, colours, side, side] in 0..1.

        snr_db  SNR in dB at which the indices were received, float [batch]
        """
        images: Tensor = self.decoder(self.codebook.lookup(indices, self.rows), snr_db)
        return images.clamp(0.0, 1.0)

    def mask_cells(self, images: Tensor, cells: Tensor) -> Tensor:
        """Replace cells by the trained colour.

        images  [batch, colours, side, side] in 0..1
        cells   bool [batch, side / 4, side / 4], true at the cells to replace
        """
        covered = cells.repeat_interleave(CELL, 1).repeat_interleave(CELL, 2)[:, None]
        return torch.where(covered, self.hidden + 0.5, images)

    @torch.no_grad()
    def initialise_from(self, images: Tensor, chosen: Tensor) -> None:
        """Initialise the codewords with encoded cells of `images` [n, colours, side, side].

        chosen  index of a cell for each codeword, int64 [2^bits] in 0..n * cells - 1
        """
        self.codebook.words.copy_(self.codebook.vectors(self.encoder(images))[:, chosen])
