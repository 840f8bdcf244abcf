"""JPEG and WebP compression to a byte budget, with the image size and quality that minimise the squared error.

A JPEG file of a 32 x 32 image has about 600 bytes of tables and headers around 60 bytes of image data, and a WebP file begins with 30
bytes that are nearly constant; a budget of 58 bytes holds neither. If both ends of a link know format, size and tables in advance, the
headers need not be sent. JPEG calls this the abbreviated format (ITU-T T.81, Annex B.4). Both header modes are implemented:

    known   scale level (1 byte) | entropy-coded scan                             jpeg
            scale level (1 byte) | frame tag (3 bytes) | rest of the VP8 frame    webp (RFC 6386, 9.1)
    sent    the complete file

A scale level is a size and a quality (`SCALE_LEVELS`): the number of times that the sides are halved, 0 to 7, and the quality of Pillow.
"""

import io
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from linksim.errors import DataError

ImageFormat = Literal["jpeg", "webp"]
HeaderMode = Literal["known", "sent"]
Pixels = NDArray[np.uint8]

HALVINGS = 7  # number of halvings that reduce 128 pixels to one
FINE, COARSE = range(1, 101), range(5, 101, 5)  # qualities at full size, and at reduced sizes
SCALE_LEVELS: tuple[tuple[int, int], ...] = (
    *((0, quality) for quality in FINE),
    *((halvings, quality) for halvings in range(1, HALVINGS + 1) for quality in COARSE),
)  # (halvings, quality), 240 in total
SLACK = 8  # bytes by which the smallest file of any colour may exceed those of the corners of the colour cube
END_OF_IMAGE = b"\xff\xd9"
START_OF_SCAN = 0xDA
RIFF_BYTES, TAG_BYTES, START_BYTES = 20, 3, 7  # RIFF header before the VP8 frame; frame tag; start code with width and height


@dataclass(frozen=True)
class ImageCodec:
    """Compression of the images of a link: the settings that both ends know in advance.

    format                  "jpeg" or "webp"
    header_mode             "known" if headers are omitted and restored by the receiver, "sent" if complete files are sent
    height, width, colours  shape of the images; images of one colour are grey

    >>> codec = ImageCodec("jpeg", "known", 32, 32, 3)
    >>> data = codec.compress(np.zeros((32, 32, 3), np.uint8), budget=100)
    >>> len(data) <= 100, codec.decompress(data).shape
    (True, (32, 32, 3))
    """

    format: ImageFormat
    header_mode: HeaderMode
    height: int
    width: int
    colours: int

    @property
    def min_bytes(self) -> int:
        """Number of bytes that hold any image, if necessary as a single pixel."""
        corners = product((0, 255), repeat=self.colours)
        return SLACK + max(len(self._encode_body(np.array(corner, np.uint8)[None, None], HALVINGS, COARSE[0])) for corner in corners)

    def compress(self, image: Pixels, budget: int) -> bytes:
        """Compress an image uint8 [h, w, colours] to at most `budget` bytes.

        budget  number of bytes, at least `min_bytes` to hold any image

        Every size is tried at the highest quality that fits. The result is the one that `decompress` restores with the least squared
        error; ties go to the larger size.

        Raises ValueError if the image has another shape, or the budget does not hold a single pixel.
        """
        if image.shape != (self.height, self.width, self.colours):
            raise ValueError(f"images are {self.height} x {self.width} in {self.colours} colours, got {image.shape}")
        to_one = (max(self.height, self.width) - 1).bit_length()  # halvings down to one pixel; at least one, for its coarse qualities
        to_one = min(max(to_one, 1), HALVINGS)
        fitting = [data for halvings in range(to_one + 1) if (data := self._best_fit(image, halvings, budget)) is not None]
        if not fitting:
            raise ValueError(f"{budget} bytes do not hold a {self.format} image, not even of one pixel; {self.min_bytes} bytes do")
        return min(fitting, key=lambda data: squared_error(self.decompress(data), image))

    def decompress(self, data: bytes) -> Pixels:
        """Decompress the output of `compress` to an image uint8 [h, w, colours]. Raises DataError for bytes that are not such an image."""
        try:
            with Image.open(io.BytesIO(self._restore_file(data)), formats=[self.format]) as found:
                if found.width > self.width or found.height > self.height:
                    raise DataError(f"{found.width} x {found.height} pixels are more than {self.width} x {self.height}")
                whole = found.convert(self._mode).resize((self.width, self.height), Image.Resampling.BICUBIC)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:  # what Pillow raises on damaged bytes
            raise DataError(f"{len(data)} bytes are not a {self.format} image: {fault}") from fault
        return np.asarray(whole).reshape(self.height, self.width, self.colours)

    @property
    def _mode(self) -> str:
        return "L" if self.colours == 1 else "RGB"

    def _size(self, halvings: int) -> tuple[int, int]:
        """Return (width, height) after the given number of halvings, rounded up."""
        return -(-self.width >> halvings), -(-self.height >> halvings)

    def _downscale(self, image: Pixels, halvings: int) -> Pixels:
        """Return an image after the given number of halvings: each pixel is the mean of those that it covers."""
        if not halvings:
            return image
        whole = Image.fromarray(image.squeeze(2) if self.colours == 1 else image)
        width, height = self._size(halvings)
        return np.asarray(whole.resize((width, height), Image.Resampling.BOX)).reshape(height, width, self.colours)

    def _best_fit(self, image: Pixels, halvings: int, budget: int) -> bytes | None:
        """Encode an image after the given number of halvings at the highest quality that fits, or return None if none does."""
        smaller, qualities = self._downscale(image, halvings), COARSE if halvings else FINE
        fitting = bisect_right(qualities, budget, key=lambda quality: len(self._encode_body(smaller, halvings, quality)))
        return self._encode_body(smaller, halvings, qualities[fitting - 1]) if fitting else None

    def _encode_body(self, image: Pixels, halvings: int, quality: int) -> bytes:
        """Encode an image that already has its final size to the bytes that are sent."""
        file = encode(image, self.format, quality)
        if self.header_mode == "sent":
            return file
        scale_level = SCALE_LEVELS.index((halvings, quality)).to_bytes()
        if self.format == "jpeg":
            return scale_level + file[len(jpeg_head(image.shape, quality)) : -len(END_OF_IMAGE)]
        size = int.from_bytes(file[RIFF_BYTES - 4 : RIFF_BYTES], "little")
        frame = file[RIFF_BYTES : RIFF_BYTES + size]
        return scale_level + frame[:TAG_BYTES] + frame[TAG_BYTES + START_BYTES :]

    def _restore_file(self, data: bytes) -> bytes:
        """Restore the complete file from the bytes that were sent. Raises DataError for an invalid scale level."""
        if self.header_mode == "sent":
            return data
        if not data or data[0] >= len(SCALE_LEVELS):
            raise DataError(f"an image begins with its scale level, 0..{len(SCALE_LEVELS) - 1}, got {data[:1].hex() or 'nothing'}")
        halvings, quality = SCALE_LEVELS[data[0]]
        width, height = self._size(halvings)
        if self.format == "jpeg":
            return jpeg_head((height, width, self.colours), quality) + data[1:] + END_OF_IMAGE
        start = b"\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little")
        frame = data[1 : 1 + TAG_BYTES] + start + data[1 + TAG_BYTES :]
        chunk = b"VP8 " + len(frame).to_bytes(4, "little") + frame + bytes(len(frame) % 2)
        return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk


def squared_error(one: Pixels, other: Pixels) -> int:
    """Return the squared error of two images of equal shape, summed over all pixels and colours.

    >>> squared_error(np.array([[[250]]], np.uint8), np.array([[[255]]], np.uint8))
    25
    """
    return int(np.square(one.astype(np.int64) - other).sum())


def encode(image: Pixels, kind: ImageFormat, quality: int) -> bytes:
    """Encode an image uint8 [h, w, colours] to a file: JPEG with 4:2:0 colour and the tables of Annex K, or lossy WebP with method 6.

    kind     "jpeg" or "webp"
    quality  1..100, as in Pillow

    >>> encode(np.zeros((8, 8, 3), np.uint8), "jpeg", 50)[:2].hex()
    'ffd8'
    """
    buffer = io.BytesIO()
    whole = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image)
    if kind == "jpeg":
        whole.save(buffer, "jpeg", quality=quality, subsampling=2, optimize=False)
    else:
        whole.save(buffer, "webp", quality=quality, method=6)
    return buffer.getvalue()


@lru_cache(maxsize=1024)
def jpeg_head(shape: tuple[int, ...], quality: int) -> bytes:
    """Return the bytes before the scan of a JPEG file. They depend on shape and quality alone, so both ends can build them."""
    blank = encode(np.zeros(shape, np.uint8), "jpeg", quality)
    at = 2  # after the start-of-image marker; every segment is FF, its marker, and its length, which includes the length field
    while blank[at + 1] != START_OF_SCAN:
        at += 2 + int.from_bytes(blank[at + 2 : at + 4], "big")
    return blank[: at + 2 + int.from_bytes(blank[at + 2 : at + 4], "big")]
