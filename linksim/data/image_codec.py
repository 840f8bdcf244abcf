"""Images as few bytes: JPEG or WebP, in the size and at the quality that leave the least squared error within a budget.

A JPEG file of a 32 x 32 image is some 600 bytes of tables and headers around 60 bytes of image, and a WebP file begins with 30 bytes that
hardly ever change; a budget of 58 bytes holds neither. On a link whose ends know format, size and tables beforehand these need not
travel: JPEG calls that the abbreviated format (ITU-T T.81, Annex B.4). Both ways are here:

    known   rung (1 byte) | entropy-coded scan                         jpeg
            rung (1 byte) | frame tag (3 bytes) | rest of the VP8 frame    webp (RFC 6386, 9.1)
    sent    the file as any program would write it

A rung is a size and a quality (`RUNGS`): sides halved 0 to 7 times, and Pillow's quality.
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

Format = Literal["jpeg", "webp"]
Headers = Literal["known", "sent"]
Pixels = NDArray[np.uint8]

HALVINGS = 7  # that take 128 pixels to one
FINE, COARSE = range(1, 101), range(5, 101, 5)  # qualities of the full size, and of the smaller ones
SCALE_LEVELS: tuple[tuple[int, int], ...] = (
    *((0, quality) for quality in FINE),
    *((halvings, quality) for halvings in range(1, HALVINGS + 1) for quality in COARSE),
)  # (halvings, quality), 240 of them
SLACK = 8  # bytes between the smallest files of the corners of the colour cube and those of any other colour
END_OF_IMAGE = b"\xff\xd9"
START_OF_SCAN = 0xDA
RIFF_BYTES, TAG_BYTES, START_BYTES = 20, 3, 7  # before the VP8 frame; its tag; its start code with width and height


@dataclass(frozen=True)
class ImageCodec:
    """How the images of a link are compressed: all that both ends know beforehand.

    format   of the files
    headers  "known" where they stay at home, "sent" where they travel
    height, width, colours  of the images; one colour is grey
    """

    format: Format
    headers: Headers
    height: int
    width: int
    colours: int

    @property
    def least(self) -> int:
        """Bytes that hold any image, if need be as a single pixel."""
        corners = product((0, 255), repeat=self.colours)
        return SLACK + max(len(self._coded(np.array(corner, np.uint8)[None, None], HALVINGS, COARSE[0])) for corner in corners)

    def compress(self, image: Pixels, budget: int) -> bytes:
        """uint8 [h, w, colours] -> at most `budget` bytes: of all sizes, each at a quality of which the next is too much, the one that
        `decompress` brings back with the least squared error; of two that err alike the larger.

        Raises ValueError for an image of another shape, or a budget below what a single pixel takes.
        """
        if image.shape != (self.height, self.width, self.colours):
            raise ValueError(f"images are {self.height} x {self.width} in {self.colours} colours, got {image.shape}")
        to_one = min((max(self.height, self.width) - 1).bit_length(), HALVINGS)  # halvings until one pixel is left
        fitting = [data for halvings in range(to_one + 1) if (data := self._fitted(image, halvings, budget)) is not None]
        if not fitting:
            raise ValueError(f"{budget} bytes hold no {self.format} image, not even of one pixel; {self.least} do")
        return min(fitting, key=lambda data: squared_error(self.decompress(data), image))

    def decompress(self, data: bytes) -> Pixels:
        """Undo `compress`, but for what was lost: uint8 [h, w, colours]. Raises DataError for bytes that are no such image."""
        try:
            with Image.open(io.BytesIO(self._file(data)), formats=[self.format]) as found:
                if found.width > self.width or found.height > self.height:
                    raise DataError(f"{found.width} x {found.height} pixels are more than {self.width} x {self.height}")
                whole = found.convert(self._mode).resize((self.width, self.height), Image.Resampling.BICUBIC)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:  # what Pillow raises on damaged bytes
            raise DataError(f"{len(data)} bytes are no {self.format} image: {fault}") from fault
        return np.asarray(whole).reshape(self.height, self.width, self.colours)

    @property
    def _mode(self) -> str:
        return "L" if self.colours == 1 else "RGB"

    def _size(self, halvings: int) -> tuple[int, int]:
        """(width, height) after that many halvings, rounded up."""
        return -(-self.width >> halvings), -(-self.height >> halvings)

    def _shrunk(self, image: Pixels, halvings: int) -> Pixels:
        if not halvings:
            return image
        whole = Image.fromarray(image.squeeze(2) if self.colours == 1 else image)
        width, height = self._size(halvings)
        return np.asarray(whole.resize((width, height), Image.Resampling.BOX)).reshape(height, width, self.colours)

    def _fitted(self, image: Pixels, halvings: int, budget: int) -> bytes | None:
        """An image in that size, at the largest quality that fits; None where not even the lowest does."""
        smaller, qualities = self._shrunk(image, halvings), COARSE if halvings else FINE
        fitting = bisect_right(qualities, budget, key=lambda quality: len(self._coded(smaller, halvings, quality)))
        return self._coded(smaller, halvings, qualities[fitting - 1]) if fitting else None

    def _coded(self, image: Pixels, halvings: int, quality: int) -> bytes:
        """What travels of an image that has its size already."""
        file = encode(image, self.format, quality)
        if self.headers == "sent":
            return file
        scale_level = SCALE_LEVELS.index((halvings, quality)).to_bytes()
        if self.format == "jpeg":
            return scale_level + file[len(jpeg_head(image.shape, quality)) : -len(END_OF_IMAGE)]
        size = int.from_bytes(file[RIFF_BYTES - 4 : RIFF_BYTES], "little")
        frame = file[RIFF_BYTES : RIFF_BYTES + size]
        return scale_level + frame[:TAG_BYTES] + frame[TAG_BYTES + START_BYTES :]

    def _file(self, data: bytes) -> bytes:
        """The file again. Raises DataError for a rung that is none."""
        if self.headers == "sent":
            return data
        if not data or data[0] >= len(SCALE_LEVELS):
            raise DataError(f"an image begins with the number of its rung, 0..{len(SCALE_LEVELS) - 1}, got {data[:1].hex() or 'nothing'}")
        halvings, quality = SCALE_LEVELS[data[0]]
        width, height = self._size(halvings)
        if self.format == "jpeg":
            return jpeg_head((height, width, self.colours), quality) + data[1:] + END_OF_IMAGE
        start = b"\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little")
        frame = data[1 : 1 + TAG_BYTES] + start + data[1 + TAG_BYTES :]
        chunk = b"VP8 " + len(frame).to_bytes(4, "little") + frame + bytes(len(frame) % 2)
        return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk


def squared_error(one: Pixels, other: Pixels) -> int:
    """Sum over all pixels and colours of two images of one shape."""
    return int(np.square(one.astype(np.int64) - other).sum())


def encode(image: Pixels, kind: Format, quality: int) -> bytes:
    """uint8 [h, w, colours] -> a file: JPEG with 4:2:0 colour and the tables of the standard's Annex K, lossy WebP at its slowest."""
    buffer = io.BytesIO()
    whole = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image)
    if kind == "jpeg":
        whole.save(buffer, "jpeg", quality=quality, subsampling=2, optimize=False)
    else:
        whole.save(buffer, "webp", quality=quality, method=6)
    return buffer.getvalue()


@lru_cache(maxsize=1024)
def jpeg_head(shape: tuple[int, ...], quality: int) -> bytes:
    """All that stands before the scan of a JPEG file: it depends on shape and quality, not on the image, so both ends can make it."""
    blank = encode(np.zeros(shape, np.uint8), "jpeg", quality)
    place = 2  # behind the start of the image; every segment from here on is FF, its marker, and its length with the length's own bytes
    while blank[place + 1] != START_OF_SCAN:
        place += 2 + int.from_bytes(blank[place + 2 : place + 4], "big")
    return blank[: place + 2 + int.from_bytes(blank[place + 2 : place + 4], "big")]
