"""Tests of the image codec: decoded images equal the files' content, budgets hold, and damage is reported."""

import contextlib
import io
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from linksim.data.image_codec import (
    COARSE,
    FINE,
    HALVINGS,
    SCALE_LEVELS,
    HeaderMode,
    ImageCodec,
    ImageFormat,
    Pixels,
    encode,
    squared_error,
)
from linksim.data.sources import load
from linksim.errors import DataError

FORMATS: list[ImageFormat] = ["jpeg", "webp"]
HEADERS: list[HeaderMode] = ["known", "sent"]
SAMPLES = load("samples", "test")
formats, headers, colours = st.sampled_from(FORMATS), st.sampled_from(HEADERS), st.sampled_from([1, 3])
sides = st.integers(1, 48)


def noise(height: int, width: int, colours: int, seed: int) -> Pixels:
    """An image of uniform noise, which compresses worst."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, colours), dtype=np.uint8)


def psnr(one: Pixels, other: Pixels) -> float:
    return float(-10 * np.log10(((one.astype(float) - other) ** 2).mean() / 255**2))


def opened(file: bytes, colours: int) -> Pixels:
    """Decode a file with Pillow alone."""
    return np.asarray(Image.open(io.BytesIO(file)).convert("L" if colours == 1 else "RGB")).reshape(
        *Image.open(io.BytesIO(file)).size[::-1], -1
    )


@settings(max_examples=60, deadline=None)
@given(formats, colours, sides, sides, st.integers(1, 100), st.integers(0, 99))
def test_omitted_headers_change_no_pixel(kind: ImageFormat, colours: int, height: int, width: int, quality: int, seed: int) -> None:
    image = noise(height, width, colours, seed)
    file = encode(image, kind, quality)
    whole, bare = ImageCodec(kind, "sent", height, width, colours), ImageCodec(kind, "known", height, width, colours)
    short = bare._encode_body(image, 0, quality)
    np.testing.assert_array_equal(whole.decompress(file), opened(file, colours))
    np.testing.assert_array_equal(bare.decompress(short), opened(file, colours))
    assert len(file) - len(short) >= 26 if kind == "webp" else len(file) - len(short) > 300
    if kind == "jpeg" or len(file) % 2 == 0:
        assert bare._restore_file(short) == file


@settings(max_examples=60, deadline=None)
@given(formats, headers, colours, sides, sides, st.integers(0, 3000), st.integers(0, 99))
def test_any_image_fits_any_budget_that_holds_a_pixel(
    kind: ImageFormat, headers: HeaderMode, colours: int, height: int, width: int, more: int, seed: int
) -> None:
    codec = ImageCodec(kind, headers, height, width, colours)
    budget = codec.min_bytes + more
    data = codec.compress(noise(height, width, colours, seed), budget)
    assert len(data) <= budget
    assert codec.decompress(data).shape == (height, width, colours)


@pytest.mark.parametrize(("kind", "headers", "colours"), list(product(FORMATS, HEADERS, [1, 3])))
def test_one_pixel_of_every_colour_fits(kind: ImageFormat, headers: HeaderMode, colours: int) -> None:
    codec = ImageCodec(kind, headers, 1, 1, colours)
    steps = range(0, 256, 51 if colours == 3 else 5)
    for colour in product(steps, repeat=colours):
        assert len(codec._encode_body(np.array(colour, np.uint8)[None, None], 7, 5)) <= codec.min_bytes
    with pytest.raises(ValueError, match=f"do not hold a {kind} image, not even of one pixel"):
        codec.compress(np.zeros((1, 1, colours), np.uint8), 2)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_next_quality_exceeds_the_budget(kind: ImageFormat) -> None:
    codec = ImageCodec(kind, "known", 32, 32, 3)
    for image in SAMPLES.images[:8]:
        data = codec.compress(image, 120)
        halvings, quality = SCALE_LEVELS[data[0]]
        smaller = codec._downscale(image, halvings)
        assert data == codec._encode_body(smaller, halvings, quality)
        finer = [more for more in (COARSE if halvings else FINE) if more > quality][:1]
        assert all(len(codec._encode_body(smaller, halvings, more)) > 120 for more in finer)


def errors(codec: ImageCodec, image: Pixels, budget: int) -> list[int]:
    """Squared error of each size at the highest quality that fits."""
    found = (codec._best_fit(image, halvings, budget) for halvings in range(HALVINGS + 1))
    return [squared_error(codec.decompress(data), image) for data in found if data is not None]


@settings(max_examples=30, deadline=None)
@given(formats, headers, colours, sides, sides, st.integers(1, 8), st.integers(0, 300), st.integers(0, 99))
@example("webp", "known", 3, 1, 1, 1, 0, 85)
def test_no_single_size_does_better(
    kind: ImageFormat, headers: HeaderMode, colours: int, height: int, width: int, tile: int, more: int, seed: int
) -> None:
    """On noise whose grains are squares of `tile` pixels, so that the best size varies."""
    codec = ImageCodec(kind, headers, height, width, colours)
    image = noise(height, width, colours, seed).repeat(tile, axis=0).repeat(tile, axis=1)[:height, :width]
    chosen = codec.compress(image, codec.min_bytes + more)
    assert squared_error(codec.decompress(chosen), image) == min(errors(codec, image, codec.min_bytes + more))


def test_half_the_size_wins_where_the_full_size_barely_fits() -> None:
    """JPEG at 58 bytes: the full size fits all samples, but choosing the size gains more than 0.5 dB. Uniform images keep the full size."""
    codec, images = ImageCodec("jpeg", "known", 32, 32, 3), SAMPLES.images[:20]
    chosen = [codec.compress(image, 58) for image in images]
    full = sum(errors(codec, image, 58)[0] for image in images)
    least = sum(squared_error(codec.decompress(data), image) for data, image in zip(chosen, images, strict=True))
    assert full / least > 10**0.05
    assert {SCALE_LEVELS[data[0]][0] for data in chosen} == {1}
    assert SCALE_LEVELS[codec.compress(np.full((32, 32, 3), 128, np.uint8), 58)[0]][0] == 0


def test_quality_and_size_increase_with_the_budget() -> None:
    codec, images = ImageCodec("jpeg", "known", 32, 32, 3), SAMPLES.images[:20]
    means, halved = [], []
    for budget in (20, 40, 80, 160, 320):
        coded = [codec.compress(image, budget) for image in images]
        halved.append(np.mean([SCALE_LEVELS[data[0]][0] for data in coded]))
        means.append(np.mean([psnr(codec.decompress(data), image) for data, image in zip(coded, images, strict=True)]))
    assert means == sorted(means)
    assert means[-1] > 28
    assert halved == sorted(halved, reverse=True)
    assert halved[0] > 1 > halved[2] > halved[4] == 0


@settings(max_examples=150, deadline=None)
@given(formats, headers, st.binary(max_size=200))
def test_invalid_bytes_raise_only_data_error(kind: ImageFormat, headers: HeaderMode, data: bytes) -> None:
    with contextlib.suppress(DataError):
        assert ImageCodec(kind, headers, 16, 16, 3).decompress(data).shape == (16, 16, 3)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_a_larger_image_is_rejected(kind: ImageFormat) -> None:
    with pytest.raises(DataError, match="64 x 64 pixels are more than 32 x 32"):
        ImageCodec(kind, "sent", 32, 32, 3).decompress(encode(noise(64, 64, 3, 0), kind, 50))


def test_a_file_that_claims_to_be_huge_is_rejected() -> None:
    file = encode(noise(8, 8, 3, 0), "jpeg", 50)
    frame = file.index(b"\xff\xc0") + 5  # height and width follow marker, length and precision
    with pytest.raises(DataError, match="exceeds limit"):
        ImageCodec("jpeg", "sent", 32, 32, 3).decompress(file[:frame] + (60_000).to_bytes(2) * 2 + file[frame + 4 :])


def test_an_image_of_another_shape_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"images are 32 x 32 in 3 colours, got \(28, 28, 1\)"):
        ImageCodec("jpeg", "known", 32, 32, 3).compress(np.zeros((28, 28, 1), np.uint8), 100)
