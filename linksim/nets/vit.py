"""The joint semantic-channel codec of DiffuSeC (Ren et al., Table I): a vision transformer with dense layers as channel code.

    image -> [patches of 8 x 8] -> [linear] -> 10 x [transformer] -> | [dense 256, ReLU] -> [dense 160] -> unit power -> symbols
                          semantic encoder S                        |             channel encoder C
    image <- [patches of 8 x 8] <- [linear] <----------------------- | [dense 352] <- [dense 1024, ReLU] <------------- symbols (equalised)
                          semantic decoder S^-1                     |             channel decoder C^-1

Every patch (token) is sent separately as 160 real values, which take 80 channel uses: 1,280 for an image of 32 x 32, or 0.417 channel uses
per pixel value.

Differs from the paper, which does not specify the patch size and whose "decoder layer 300" fits no patching of 32 x 32 pixels. Patches of
8 x 8 and a linear layer from 352 to the 192 values of a patch are chosen here. The inner width of the transformer is twice its width. The
channel decoder receives the SNR with the symbols unless the codec is SNR-blind, as the paper's is, and the power is normalised per image.
Eq. (6) prints C^-1(S^-1(.)); the inverse of Eq. (4) is S^-1(C^-1(.)).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from linksim.nets.codecs import Codec
from linksim.phy.baseband import normalise_power

NO_SIGNAL_DB = -60.0  # lower bound on the SNR input of the channel decoder


class TransformerLayer(nn.Module):
    """Self-attention and a perceptron, each with a norm before it and a residual connection. [batch, tokens, width] -> the same shape.

    This is the layer of Dosovitskiy et al., "An Image Is Worth 16x16 Words" (2021).

    width  width of a token, a multiple of `heads`; the perceptron is twice as wide
    heads  number of attention heads
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        split = self.queries_keys_values(self.attention_norm(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        # For 16 tokens, two products are faster than torch's fused attention.
        shares = (queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5).softmax(-1)
        x = x + self.mixed((shares @ values).transpose(1, 2).reshape(batch, tokens, width))
        out: Tensor = x + self.narrow(functional.gelu(self.wide(self.norm(x))))
        return out


class SemanticEncoder(nn.Module):
    """S: images [batch, colours, side, side] in 0..1 -> tokens [batch, tokens, width], one per patch, in row-major order.

    colours, side         number of colour channels and side of the images
    patch                 side of a patch in pixels, which divides `side`
    width, heads, layers  sizes of the transformer
    """

    def __init__(self, colours: int, side: int, patch: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(colours * patch**2, width)
        self.place = nn.Parameter(torch.zeros((side // patch) ** 2, width))
        self.layers = nn.Sequential(*(TransformerLayer(width, heads) for _ in range(layers)))

    def forward(self, images: Tensor) -> Tensor:
        patches = functional.unfold(2.0 * images - 1.0, self.patch, stride=self.patch).transpose(1, 2)
        tokens: Tensor = self.layers(self.embed(patches) + self.place)
        return tokens


class SemanticDecoder(nn.Module):
    """S^-1: tokens [batch, tokens, width] -> images float32 [batch, colours, side, side], not clamped. Each token becomes its patch."""

    def __init__(self, colours: int, side: int, patch: int, width: int) -> None:
        super().__init__()
        self.side, self.patch = side, patch
        self.out = nn.Linear(width, colours * patch**2)

    def forward(self, tokens: Tensor) -> Tensor:
        patches = self.out(tokens).float().transpose(1, 2)
        return 0.5 + 0.5 * functional.fold(patches, self.side, self.patch, stride=self.patch)


class ChannelEncoder(nn.Module):
    """C: tokens [batch, tokens, width] -> complex symbols [batch, tokens * reals / 2] of unit mean power per image.

    Each token is encoded separately, so the symbols of a token are a contiguous slice (a row, see `nets.codecs.Codec`).

    width  width of a token
    reals  real values per token, an even number
    """

    def __init__(self, width: int, reals: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, reals))

    def forward(self, tokens: Tensor) -> Tensor:
        pairs = self.dense(tokens).float().reshape(len(tokens), -1, 2)
        return normalise_power(torch.view_as_complex(pairs))


class ChannelDecoder(nn.Module):
    """C^-1: (equalised complex symbols [batch, channel_uses], snr_db [batch]) -> tokens [batch, tokens, width].

    The SNR in dB, divided by 10 and at least `NO_SIGNAL_DB` / 10, is an additional input for each token, the last one. Without `snr_input`
    the SNR is ignored.
    """

    def __init__(self, width: int, reals: int, tokens: int, snr_input: bool) -> None:
        super().__init__()
        self.tokens, self.snr_input = tokens, snr_input
        self.dense = nn.Sequential(nn.Linear(reals + snr_input, 1024), nn.ReLU(), nn.Linear(1024, width))

    def forward(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        received = torch.view_as_real(symbols).reshape(len(symbols), self.tokens, -1)
        if self.snr_input:
            level = (snr_db.clamp_min(NO_SIGNAL_DB) / 10.0)[:, None, None].expand(-1, self.tokens, 1)
            received = torch.cat([received, level], dim=2)
        tokens: Tensor = self.dense(received)
        return tokens


class VitEncoder(nn.Module):
    """The encoder F = C(S(.)), Eq. (4): images [batch, colours, side, side] in 0..1 -> complex symbols. The SNR argument is ignored.

    The two parts are separate modules because the first phases of the training address them separately (`training.vit`).
    """

    def __init__(self, semantic: SemanticEncoder, channel: ChannelEncoder) -> None:
        super().__init__()
        self.semantic, self.channel = semantic, channel

    def forward(self, images: Tensor, snr_db: Tensor) -> Tensor:
        symbols: Tensor = self.channel(self.semantic(images))
        return symbols


class VitDecoder(nn.Module):
    """The decoder F^-1 = S^-1(C^-1(.)), Eq. (6): (equalised symbols, snr_db [batch]) -> images, not clamped."""

    def __init__(self, semantic: SemanticDecoder, channel: ChannelDecoder) -> None:
        super().__init__()
        self.semantic, self.channel = semantic, channel

    def forward(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        images: Tensor = self.semantic(self.channel(symbols, snr_db))
        return images


class VitJscc(Codec):
    """The ViT codec.

    colours, side         number of colour channels and side of the images
    patch                 side of a patch in pixels
    width, heads, layers  sizes of the transformer
    reals                 real values sent per patch, an even number
    snr_input             the channel decoder takes the SNR as an input; False for an SNR-blind codec

    The defaults are those of the paper where it gives them; they have 10.8 million weights and 1,280 channel uses.

    >>> codec = VitJscc(width=32, heads=4, layers=1)
    >>> codec.channel_uses, codec.rows  # 16 patches of 80 symbols
    (1280, 16)
    """

    encoder: VitEncoder
    decoder: VitDecoder

    def __init__(
        self,
        *,
        colours: int = 3,
        side: int = 32,
        patch: int = 8,
        width: int = 352,
        heads: int = 8,
        layers: int = 10,
        reals: int = 160,
        snr_input: bool = True,
    ) -> None:
        tokens = (side // patch) ** 2
        super().__init__(colours, side, rows=tokens, channel_uses=tokens * reals // 2)
        self.encoder = VitEncoder(SemanticEncoder(colours, side, patch, width, heads, layers), ChannelEncoder(width, reals))
        self.decoder = VitDecoder(SemanticDecoder(colours, side, patch, width), ChannelDecoder(width, reals, tokens, snr_input))
