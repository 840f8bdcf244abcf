"""The header of a data frame: its bytes, its tag, and what a receiver makes of changed bytes."""

import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.control_plane.data_header import DataHeader, encode, header_tag, parse
from linksim.control_plane.messages import DATA, VERSION
from linksim.control_plane.wire import MalformedFrame, append_checksum
from linksim.control_plane.wire import parse as parse_message
from linksim.secrecy import AuthenticationError, SessionKeys, make_header_tag
from linksim.wire_layout import header_bytes

KEYS, OTHER = (SessionKeys(*(bytes([first + n]) * 32 for n in range(6))) for first in (1, 20))
WIRE_FORMAT = Path(__file__).parent.parent / "docs" / "wire-format.md"

links, epochs, frames, attempts = (st.integers(0, 2**bits - 1) for bits in (31, 16, 32, 8))


@given(links, epochs, frames, attempts, st.booleans())
def test_a_header_is_decoded_unchanged_and_has_its_size(link: int, epoch: int, frame: int, attempt: int, session: bool) -> None:
    keys = KEYS if session else None
    raw = encode(link, epoch, frame, attempt, keys)
    assert len(raw) == header_bytes(session) == (16 if session else 12)
    found = parse(raw)
    assert found == DataHeader(epoch, frame, attempt, header_tag(KEYS, link, epoch, frame, attempt) if session else b"")
    if session:
        found.verify(link, KEYS)


def test_bytes_are_those_of_the_documentation() -> None:
    plain = bytes.fromhex("4f 0102 03040506 07")
    assert plain[0] == VERSION << 4 | DATA
    tag = make_header_tag(KEYS, bytes.fromhex("00000009") + plain)
    assert encode(9, 0x0102, 0x03040506, 7, KEYS) == append_checksum(plain + tag)
    assert encode(9, 0x0102, 0x03040506, 7, None) == plain + zlib.crc32(plain).to_bytes(4, "big")
    section = WIRE_FORMAT.read_text().split("## Headers of data frames")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (\d+) \|", section, re.MULTILINE)
    assert [int(offset) for offset, _ in rows] == [sum(int(size) for _, size in rows[:n]) for n in range(len(rows))]
    assert sum(int(size) for _, size in rows) == header_bytes(session=True)


def test_the_tag_binds_session_link_epoch_frame_and_transmission() -> None:
    fields = ((1, 2, 3, 4), (0, 2, 3, 4), (1, 0, 3, 4), (1, 2, 0, 4), (1, 2, 3, 0))
    tags = {header_tag(keys, *values) for keys in (KEYS, OTHER) for values in fields}
    assert len(tags) == 10
    header = parse(encode(1, 2, 3, 4, KEYS))
    for link, keys in ((0, KEYS), (1, OTHER)):
        with pytest.raises(AuthenticationError):
            header.verify(link, keys)


def test_a_header_without_a_tag_is_not_verified() -> None:
    with pytest.raises(AuthenticationError):
        parse(encode(1, 2, 3, 4, None)).verify(1, KEYS)


@pytest.mark.parametrize("keys", [KEYS, None])
def test_any_flipped_bit_is_detected(keys: SessionKeys | None) -> None:
    raw = encode(1, 2, 3, 4, keys)
    for bit in range(8 * len(raw)):
        with pytest.raises(MalformedFrame):
            parse((int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big"))


def test_a_flipped_bit_with_a_right_checksum_fails_the_tag() -> None:
    content = encode(1, 2, 3, 4, KEYS)[:-4]
    refused = 0
    for bit in range(8, 8 * len(content)):  # the first byte is checked by `parse`
        changed = (int.from_bytes(content, "big") ^ 1 << 8 * len(content) - 1 - bit).to_bytes(len(content), "big")
        with pytest.raises(AuthenticationError):
            parse(append_checksum(changed)).verify(1, KEYS)
        refused += 1
    assert refused == 88


@given(st.binary(max_size=20))
def test_random_bytes_are_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedFrame):
        parse(raw)


@pytest.mark.parametrize("first", [byte for byte in range(256) if byte != VERSION << 4 | DATA])
def test_other_versions_and_kinds_are_malformed(first: int) -> None:
    with pytest.raises(MalformedFrame, match="the first byte of a header must be 0x4f"):
        parse(append_checksum(bytes([first]) + encode(1, 2, 3, 4, KEYS)[1:-4]))


def test_a_header_is_no_control_message() -> None:
    for keys in (KEYS, None):
        with pytest.raises(MalformedFrame):
            parse_message(encode(1, 2, 3, 4, keys))
