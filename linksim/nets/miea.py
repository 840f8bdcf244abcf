"""The networks of MIEA (Chen et al., GLOBECOM 2023, Sec. IV): its DeepJSCC codec, one model per SNR, and its inverse network.

    image -> [conv /2] -> [conv /2] -> [conv] -> [conv] -> | [conv] -> unit power -> symbols
                     semantic encoder                      | channel encoder
    image <- [conv, x2] <- [conv, x2] <- [conv] <- [conv] <- | [conv] <------------- symbols (equalised)
                     semantic decoder                        | channel decoder

Both networks are trained for faces of 128 x 128 pixels and 32 feature channels, which take 16,384 channel uses: one third of a channel use
per pixel value. Unlike the codecs of `nets.codecs` they do not know the SNR, so there is one model for each.

Differs from the paper, which gives no sizes: widths, kernels and strides are chosen here, and upsampling uses pixel shuffle.
"""

from torch import Tensor, nn

from linksim.nets.codecs import DOWNSAMPLING, Codec, feature_rows, to_features, to_symbols
from linksim.nets.inverters import Inverter
from linksim.phy.baseband import normalise_power


class MieaEncoder(nn.Module):
    """Images [batch, colours, side, side] in 0..1 -> complex symbols [batch, channel_uses] of unit mean power per image.

    The SNR argument is ignored.

    colours   colour channels of the images
    channels  feature channels that are sent, an even number
    width     channels at a quarter of the side; half of it at half of the side
    """

    def __init__(self, colours: int, channels: int, width: int) -> None:
        super().__init__()
        stem = width // 2
        self.semantic = nn.Sequential(
            *(nn.Conv2d(colours, stem, 5, stride=2, padding=2), nn.PReLU(stem)),
            *(nn.Conv2d(stem, width, 3, stride=2, padding=1), nn.PReLU(width)),
            *(nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)),
            *(nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)),
        )
        self.channel = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, images: Tensor, snr_db: Tensor) -> Tensor:
        return normalise_power(to_symbols(self.channel(self.semantic(images - 0.5))))


class MieaDecoder(nn.Module):
    """Equalised complex symbols [batch, channel_uses] -> images [batch, colours, side, side], not clamped. The SNR argument is ignored.

    The sizes are those of `MieaEncoder`.
    """

    def __init__(self, colours: int, channels: int, width: int) -> None:
        super().__init__()
        self._channels, stem = channels, width // 2
        self.channel = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.PReLU(width))
        self.semantic = nn.Sequential(
            *(nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)),
            *(nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)),
            *(nn.Conv2d(width, 4 * stem, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(stem)),
            *(nn.Conv2d(stem, 4 * colours, 3, padding=1), nn.PixelShuffle(2)),
        )

    def forward(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        images: Tensor = self.semantic(self.channel(to_features(symbols, self._channels)))
        return images + 0.5


class MieaJscc(Codec):
    """The codec of the paper: four convolutions each in the semantic encoder and decoder, one each in the channel encoder and decoder.

    colours, side  number of colour channels and side of the images
    channels       real feature channels at a quarter of the side, for `channels * (side / 4)^2 / 2` channel uses per image
    width          channels of the inner layers

    >>> codec = MieaJscc(channels=32)
    >>> codec.channel_uses, codec.rows
    (16384, 32)
    """

    def __init__(self, *, colours: int = 3, side: int = 128, channels: int, width: int = 48) -> None:
        super().__init__(colours, side, *feature_rows(side, channels))
        self.encoder = MieaEncoder(colours, channels, width)
        self.decoder = MieaDecoder(colours, channels, width)


class MieaInverse(Inverter):
    """The inverse network f^-1 of the paper: one upsampling layer and two convolutions.

    symbols -> [conv] -> [upsampling, x4] -> [conv] -> image

    colours, side  number of colour channels and side of the images
    channels       real feature channels of the codec at a quarter of the side
    width          channels of the inner layer

    The network is much smaller than the decoder, as in the paper; `nets.inverters.InverseNet` is a stronger one.
    """

    def __init__(self, *, colours: int = 3, side: int = 128, channels: int, width: int = 16) -> None:
        super().__init__(side, channels)
        self.first = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.PReLU(width))
        self.upsampling = nn.Upsample(scale_factor=DOWNSAMPLING, mode="bilinear", align_corners=False)
        self.second = nn.Conv2d(width, colours, 5, padding=2)

    def forward(self, symbols: Tensor) -> Tensor:
        images: Tensor = self.second(self.upsampling(self.first(to_features(symbols, self.channels))))
        return images + 0.5
