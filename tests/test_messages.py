"""The wire format: messages are decoded unchanged, anything else raises an error, and bytes and sizes are those of the documentation."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim import secrecy
from linksim.control_plane.messages import (
    DATA,
    FIRST_CHALLENGE,
    VERSION,
    Accept,
    Ack,
    Challenge,
    Clear,
    Confirm,
    Hello,
    Key,
    Message,
    Nack,
    Probe,
    Report,
    Sealed,
)
from linksim.control_plane.wire import MalformedFrame, SealedFrame, append_checksum, decode_sealed, encode_sealed, frame, parse
from linksim.enums import MessageKind
from linksim.records import MESSAGES
from linksim.secrecy import ALICE_TO_BOB, AuthenticationError, Decryptor, Encryptor, KeyPair
from linksim.wire_layout import MAX_VALUES, message_bytes

KEY = bytes(range(32))
WIRE_FORMAT = Path(__file__).parent.parent / "docs" / "wire-format.md"

uint16, uint32, uint64 = (st.integers(0, 2**bits - 1) for bits in (16, 32, 64))
octets32, octets16 = (st.binary(min_size=size, max_size=size) for size in (32, 16))
clear = st.one_of(
    st.builds(Hello, uint16, uint32, uint64, octets32, octets16),
    st.builds(Accept, uint16, uint32, octets32, octets16),
    st.builds(Nack, uint16, uint32, st.integers(0, 255), st.sampled_from([0, 1]), octets16),
    st.builds(Challenge, uint16, uint32, st.integers(FIRST_CHALLENGE, 2**64 - 1), octets16),
)
sealed = st.one_of(
    st.builds(Probe, uint16, uint32, st.integers(2, 4096)),
    st.builds(
        Report,
        uint16,
        uint32,
        st.integers(-10_000, 10_000).map(lambda hundredths: hundredths / 100),
        uint16,
        st.lists(uint16, max_size=MAX_VALUES).map(tuple),
    ),
    st.builds(Confirm, uint16, uint32, uint16),
    st.builds(Key, uint16, uint32, uint32, st.lists(st.tuples(uint16, uint16), min_size=1, max_size=128).map(tuple)),
    st.builds(Ack, uint16, uint32, st.sampled_from([DATA, *(kind for kind, name in enumerate(MESSAGES) if name != "ack")])),
)
HEADS = range(16 * VERSION, 16 * VERSION + len(MESSAGES))  # first byte of a frame
ACCEPTED_LENGTHS = {Key.kind: (-4,), Report.kind: (-4, -2, 2)}  # changes of the lengths of `SEALED` that give lengths of other messages
CLEAR: list[Clear] = [
    Hello(1, 2, 3, KEY, KEY[:16]),
    Accept(1, 2, KEY, KEY[16:]),
    Nack(1, 2, 3, 1, KEY[:16]),
    Challenge(1, 2, FIRST_CHALLENGE + 3, KEY[:16]),
]
SEALED: list[Sealed] = [Probe(1, 2, 32), Report(1, 2, -3.21, 2, (40, 10)), Confirm(1, 2, 3), Key(1, 2, 3, ((4, 5), (6, 7))), Ack(1, 2, 3)]


def encryptor() -> Encryptor:
    return Encryptor(KEY, ALICE_TO_BOB)


def decryptor() -> Decryptor:
    return Decryptor(KEY, ALICE_TO_BOB)


def on_air() -> list[bytes]:
    """One frame of every kind."""
    return [*map(frame, CLEAR), *(encode_sealed(message, encryptor()) for message in SEALED)]


def sealed_frame(raw: bytes) -> SealedFrame:
    parsed = parse(raw)
    assert isinstance(parsed, SealedFrame)
    return parsed


@given(clear)
def test_clear_messages_are_decoded_unchanged(message: Clear) -> None:
    assert parse(frame(message)) == message


@given(sealed)
def test_sealed_messages_are_decoded_unchanged(message: Sealed) -> None:
    received = sealed_frame(encode_sealed(message, encryptor()))
    assert (received.kind, received.epoch) == (message.kind, message.epoch)
    assert decode_sealed(received, decryptor()) == message


@given(st.floats(-100, 100))
def test_a_report_keeps_the_snr_within_five_thousandths_of_a_db(snr_db: float) -> None:
    received = decode_sealed(sealed_frame(encode_sealed(Report(0, 0, snr_db, 1, ()), encryptor())), decryptor())
    assert isinstance(received, Report)
    assert abs(received.snr_db - snr_db) <= 0.005 + 1e-12


def test_every_kind_of_message_has_one_class() -> None:
    names = {type(message).__name__.lower(): message.kind for message in [*CLEAR, *SEALED]}
    assert names == {name: kind for kind, name in enumerate(MESSAGES)}


def test_clear_bytes_are_those_of_the_documentation() -> None:
    hello = bytes.fromhex("45 0001 00000002 0000000000000003") + KEY + KEY[:16]
    assert frame(Hello(1, 2, 3, KEY, KEY[:16])) == append_checksum(hello)
    accept = bytes.fromhex("46 0001 00000002") + KEY + KEY[:16]
    assert frame(Accept(1, 2, KEY, KEY[:16])) == append_checksum(accept)
    nack = bytes.fromhex("47 0102 03040506 07 01") + KEY[:16]
    assert frame(Nack(0x0102, 0x03040506, 7, 1, KEY[:16])) == append_checksum(nack)
    challenge = bytes.fromhex("48 0001 00000002 8000000000000003") + KEY[:16]
    assert frame(Challenge(1, 2, FIRST_CHALLENGE + 3, KEY[:16])) == append_checksum(challenge)


@pytest.mark.parametrize(
    ("message", "head", "plain"),
    [
        (Probe(1, 2, 32), "40 0001", "00000002 0020"),
        (Report(1, 2, -3.21, 0x0304, (40, 10)), "41 0001", "00000002 febf 0304 0028 000a"),
        (Confirm(1, 2, 0x0304), "42 0001", "00000002 0304"),
        (Key(1, 2, 3, ((4, 5), (6, 7))), "43 0001", "00000002 00000003 0004 0005 0006 0007"),
        (Ack(1, 2, 3), "44 0001", "00000002 03"),
        (Ack(1, 2, DATA), "44 0001", "00000002 0f"),
    ],
)
def test_sealed_bytes_are_those_of_the_documentation(message: Sealed, head: str, plain: str) -> None:
    associated = bytes.fromhex(head)
    assert encode_sealed(message, encryptor()) == append_checksum(associated + encryptor().encrypt(bytes.fromhex(plain), associated, 1))


def test_sizes_are_those_of_the_documentation() -> None:
    documented = re.findall(
        r"^\| ([A-Z]+) \| (\d) \|.*\| (\d+)(?: \+ (\d+) per (?:pair|parameter))? \|$", WIRE_FORMAT.read_text(), re.MULTILINE
    )
    assert [name.lower() for name, *_ in documented] == list(MESSAGES)
    sizes = {raw[0] & 15: len(raw) for raw in on_air()}
    parts = {int(message.kind): len(message.pairs) for message in SEALED if isinstance(message, Key)}
    parts |= {int(message.kind): len(message.values) for message in SEALED if isinstance(message, Report)}
    assert sizes == {int(kind): int(size) + int(each or 0) * parts.get(int(kind), 0) for _, kind, size, each in documented}
    assert sizes == {
        int(kind): message_bytes(name.lower(), parts.get(int(kind), 0), parts.get(int(kind), 0)) for name, kind, *_ in documented
    }


# Malformed frames ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", on_air())
def test_any_flipped_bit_is_detected(raw: bytes) -> None:
    for bit in range(8 * len(raw)):
        with pytest.raises(MalformedFrame):
            parse((int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big"))


@pytest.mark.parametrize("raw", on_air())
@pytest.mark.parametrize("corrected", [False, True], ids=["old checksum", "corrected checksum"])
def test_truncated_and_extended_frames_are_malformed(raw: bytes, corrected: bool) -> None:
    content = raw[:-4]
    others = [content[:length] for length in range(len(content))] + [content + bytes(extra) for extra in range(1, 4)]
    for other in others:
        if corrected and len(other) - len(content) in ACCEPTED_LENGTHS.get(raw[0] & 15, ()):
            continue  # `parse` accepts another number of pairs or parameters; the tag is wrong, see below
        with pytest.raises(MalformedFrame):
            parse(append_checksum(other) if corrected else other + raw[-4:])


@pytest.mark.parametrize("message", [Key(1, 2, 3, ((4, 5), (6, 7))), Report(1, 2, -3.21, 2, (40, 10))])
def test_another_number_of_pairs_or_parameters_is_not_accepted(message: Key | Report) -> None:
    content = encode_sealed(message, encryptor())[:-4]
    for change in ACCEPTED_LENGTHS[message.kind]:
        other = content[:change] if change < 0 else content + bytes(change)
        with pytest.raises(AuthenticationError):
            decode_sealed(sealed_frame(append_checksum(other)), decryptor())


@pytest.mark.parametrize(("message", "size"), [(Key(1, 2, 3, ((0, 0),) * 128), 4), (Report(1, 2, 0.0, 2, (0,) * MAX_VALUES), 2)])
def test_too_many_pairs_or_parameters_are_malformed(message: Sealed, size: int) -> None:
    most = encode_sealed(message, encryptor())
    sealed_frame(most)
    with pytest.raises(MalformedFrame):
        parse(append_checksum(most[:-4] + bytes(size)))


@given(st.binary(max_size=120))
def test_random_bytes_are_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedFrame):
        parse(raw)


@given(st.sampled_from(HEADS), st.binary(min_size=2, max_size=80))
def test_every_parsed_frame_has_one_encoding(head: int, rest: bytes) -> None:
    """Random bytes with a right checksum may be a message; the encoding of that message is then the same bytes."""
    raw = append_checksum(bytes([head]) + rest)
    try:
        message = parse(raw)
    except MalformedFrame:
        return
    if isinstance(message, SealedFrame):
        assert append_checksum(bytes([16 * VERSION | message.kind]) + message.epoch.to_bytes(2, "big") + message.sealed) == raw
        with pytest.raises(AuthenticationError):
            decode_sealed(message, decryptor())
    else:
        assert frame(message) == raw


@pytest.mark.parametrize("head", [head for head in range(256) if head not in HEADS])
def test_other_versions_and_kinds_are_malformed(head: int) -> None:
    with pytest.raises(MalformedFrame, match="version"):
        parse(append_checksum(bytes([head]) + frame(CLEAR[2])[1:-4]))


def test_values_out_of_range_are_malformed() -> None:
    raw = frame(Nack(1, 2, 3, 1, KEY[:16]))
    for reason in range(2, 256):
        with pytest.raises(MalformedFrame, match=r"reason must be within 0\.\.1"):
            parse(append_checksum(raw[:8] + bytes([reason]) + raw[9:-4]))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("ack", "04"),
        ("ack", "09"),
        ("ack", "10"),
        ("report", "2711 0000 0000 0000"),
        ("report", "8000 0000 0000 0000"),
        ("probe", "0001"),
        ("probe", "1001"),
    ],
)
def test_sealed_values_out_of_range_are_malformed(kind: str, body: str) -> None:
    head = bytes([16 * VERSION | MessageKind[kind.upper()], 0, 1])
    raw = append_checksum(head + encryptor().encrypt(bytes(4) + bytes.fromhex(body), head, 1))
    with pytest.raises(MalformedFrame):
        decode_sealed(sealed_frame(raw), decryptor())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Probe(2**16, 0, 32),
        lambda: Probe(0, 2**32, 32),
        lambda: Probe(0, -1, 32),
        lambda: Probe(0, 0, 1),
        lambda: Hello(0, 0, 2**64, KEY, KEY[:16]),
        lambda: Hello(0, 0, 0, KEY[:31], KEY[:16]),
        lambda: Accept(0, 0, KEY, KEY),
        lambda: Report(0, 0, float("nan"), 0, ()),
        lambda: Report(0, 0, 100.01, 0, ()),
        lambda: Report(0, 0, 0, 0, (2**16, 0)),
        lambda: Report(0, 0, 0, 0, (-1,)),
        lambda: Report(0, 0, 0, 0, (0,) * (MAX_VALUES + 1)),
        lambda: Nack(0, 0, 256, 0, KEY[:16]),
        lambda: Challenge(0, 0, FIRST_CHALLENGE - 1, KEY[:16]),
        lambda: Challenge(0, 0, 2**64, KEY[:16]),
        lambda: Nack(0, 0, 0, 2, KEY[:16]),
        lambda: Ack(0, 0, len(MESSAGES)),
        lambda: Confirm(0, 0, -1),
        lambda: Key(0, 0, 0, ()),
        lambda: Key(0, 0, 0, ((0, 0),) * 129),
        lambda: Key(0, 0, 0, ((0, 2**16),)),
        lambda: Ack(0, 0, Ack.kind),
    ],
)
def test_a_message_with_a_value_out_of_range_cannot_be_made(make: Callable[[], Message]) -> None:
    with pytest.raises(ValueError, match=r"must be within|cannot be acknowledged"):
        make()


# Sealed frames ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", SEALED)
def test_a_changed_sealed_frame_with_a_right_checksum_is_refused(message: Sealed) -> None:
    raw = encode_sealed(message, encryptor())[:-4]
    receiver = decryptor()
    for bit in range(8 * len(raw)):
        changed = (int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big")
        with pytest.raises((AuthenticationError, MalformedFrame)):  # MalformedFrame if the head became another kind or version
            decode_sealed(sealed_frame(append_checksum(changed)), receiver)
    assert decode_sealed(sealed_frame(append_checksum(raw)), receiver) == message


def test_a_probe_is_not_accepted_as_a_confirm() -> None:
    """Both bodies have two bytes. Only the tag, which covers the head, distinguishes them."""
    received = sealed_frame(encode_sealed(Probe(1, 2, 32), encryptor()))
    with pytest.raises(AuthenticationError):
        decode_sealed(replace(received, kind=Confirm.kind), decryptor())


def test_a_replay_is_refused_and_a_retransmission_is_decrypted() -> None:
    sender, receiver = encryptor(), decryptor()
    first, second = (encode_sealed(Confirm(1, 2, 3), sender) for _ in range(2))
    assert decode_sealed(sealed_frame(first), receiver) == decode_sealed(sealed_frame(second), receiver) == Confirm(1, 2, 3)
    for raw in (first, second):
        with pytest.raises(AuthenticationError):
            decode_sealed(sealed_frame(raw), receiver)
    assert not set(re.findall(b"....", first[11:-4], re.DOTALL)) & set(re.findall(b"....", second[11:-4], re.DOTALL))


def test_a_session_is_opened_over_the_wire() -> None:
    """HELLO, ACCEPT and a sealed KEY are exchanged as bytes alone."""
    alice, alice_ephemeral, bob, bob_ephemeral = (KeyPair(bytes([n]) * 32) for n in (1, 2, 3, 4))
    hello = Hello(0, 1, 5, alice_ephemeral.public, bytes(16))
    hello = replace(hello, tag=secrecy.make_hello_tag(alice, alice_ephemeral, bob.public, hello.covered()))

    received_hello = parse(frame(hello))
    assert isinstance(received_hello, Hello)
    secrecy.verify_hello_tag(bob, alice.public, received_hello.ephemeral, received_hello.covered(), received_hello.tag)
    accept = Accept(0, received_hello.sequence, bob_ephemeral.public, bytes(16))
    transcript = frame(received_hello) + accept.covered()
    bobs = secrecy.derive_session_keys(bob, bob_ephemeral, alice.public, received_hello.ephemeral, False, transcript)
    accept = replace(accept, tag=secrecy.make_accept_tag(bobs, accept.covered()))

    received_accept = parse(frame(accept))
    assert isinstance(received_accept, Accept)
    alices = secrecy.derive_session_keys(
        alice, alice_ephemeral, bob.public, received_accept.ephemeral, True, frame(hello) + received_accept.covered()
    )
    secrecy.verify_accept_tag(alices, received_accept.covered(), received_accept.tag)
    key = Key(0, 2, 17, ((200, 3),))
    raw = encode_sealed(key, Encryptor(alices.alice_to_bob, ALICE_TO_BOB))
    assert decode_sealed(sealed_frame(raw), Decryptor(bobs.alice_to_bob, ALICE_TO_BOB)) == key
