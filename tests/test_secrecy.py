"""Authenticated encryption and keystream: reference implementations after the RFCs, and attacks."""

import hmac
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim import secrecy
from linksim.secrecy import ALICE_TO_BOB, BOB_TO_ALICE, AuthenticationError, Decryptor, Encryptor

KEY = bytes(range(32))


# Reference implementations, verified below --------------------------------------------------------------------------------


def chacha_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    """RFC 8439, 2.3."""
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    state = list(start)

    def quarter(a: int, b: int, c: int, d: int) -> None:
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            state[z] ^= state[x]
            state[z] = (state[z] << turn | state[z] >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(start, state, strict=True)))


def chacha(key: bytes, counter: int, nonce: bytes, count: int) -> bytes:
    return b"".join(chacha_block(key, counter + n, nonce) for n in range(-(-count // 64)))[:count]


def aead(key: bytes, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
    """RFC 8439, 2.8: ciphertext and tag."""
    cipher = bytes(a ^ b for a, b in zip(plain, chacha(key, 1, nonce, len(plain)), strict=True))
    r, s = (int.from_bytes(part, "little") for part in struct.unpack("16s16s", chacha_block(key, 0, nonce)[:32]))
    r &= 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    padded = b"".join(part + bytes(-len(part) % 16) for part in (associated, cipher)) + struct.pack("<QQ", len(associated), len(cipher))
    total = 0
    for at in range(0, len(padded), 16):
        total = (total + int.from_bytes(padded[at : at + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return cipher + ((total + s) % 2**128).to_bytes(16, "little")


def test_reference_implementations_match_the_rfcs() -> None:
    block = chacha_block(KEY, 1, bytes.fromhex("000000090000004a00000000"))  # RFC 8439 2.3.2
    assert block.hex().startswith("10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e")
    text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    sealed = aead(
        bytes(range(0x80, 0xA0)), bytes.fromhex("070000004041424344454647"), text, bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    )  # RFC 8439 2.8.2
    assert sealed[:16].hex() == "d31a8d34648e60db7b86afbc53ef7ec2"
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"


def flips(raw: bytes) -> list[bytes]:
    """Return all byte strings that differ from `raw` in one bit."""
    return [(int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big") for bit in range(8 * len(raw))]


# Encryption----------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=80), st.binary(max_size=20), st.integers(0, 2**16 - 1), st.sampled_from([ALICE_TO_BOB, BOB_TO_ALICE]))
def test_encryption_is_the_documented_aead_and_is_decrypted(plain: bytes, associated: bytes, epoch: int, direction: int) -> None:
    encryptor, decryptor = Encryptor(KEY, direction), Decryptor(KEY, direction)
    for counter in range(2):
        sealed = encryptor.encrypt(plain, associated, epoch)
        nonce = struct.pack(">HHQ", direction, epoch, counter)
        assert sealed == counter.to_bytes(4, "big") + aead(KEY, nonce, plain, associated)
        assert decryptor.decrypt(sealed, associated, epoch) == plain


def test_any_flipped_bit_is_refused_and_leaves_the_decryptor_unchanged() -> None:
    sealed = Encryptor(KEY, ALICE_TO_BOB).encrypt(b"report", b"head", 7)
    decryptor = Decryptor(KEY, ALICE_TO_BOB)
    tries = [(wrong, b"head", 7) for wrong in flips(sealed)] + [(sealed, wrong, 7) for wrong in flips(b"head")]
    tries += [(sealed, b"head", 7 ^ 1 << bit) for bit in range(16)] + [(sealed[:length], b"head", 7) for length in range(len(sealed))]
    for attempt in tries:
        with pytest.raises(AuthenticationError):
            decryptor.decrypt(*attempt)
    assert decryptor.decrypt(sealed, b"head", 7) == b"report"


def test_a_message_reflected_to_its_sender_is_refused() -> None:
    sealed = Encryptor(KEY, ALICE_TO_BOB).encrypt(b"report", b"", 0)
    with pytest.raises(AuthenticationError):
        Decryptor(KEY, BOB_TO_ALICE).decrypt(sealed, b"", 0)


@given(st.lists(st.integers(0, 299), max_size=400))
def test_each_message_is_decrypted_once_within_the_window(order: list[int]) -> None:
    """For any loss, repetition and order a message is decrypted if it is new and less than 64 below the newest counter."""
    encryptor, decryptor = Encryptor(KEY, ALICE_TO_BOB), Decryptor(KEY, ALICE_TO_BOB)
    sent = [encryptor.encrypt(n.to_bytes(2, "big"), b"", 0) for n in range(300)]
    decrypted: set[int] = set()
    for n in order:
        if n in decrypted or n <= max(decrypted, default=0) - 64:
            with pytest.raises(AuthenticationError):
                decryptor.decrypt(sent[n], b"", 0)
        else:
            assert decryptor.decrypt(sent[n], b"", 0) == n.to_bytes(2, "big")
            decrypted.add(n)


@pytest.mark.parametrize("step", range(1, 131))
def test_a_jump_of_the_counter_leaves_no_gap_for_a_replay(step: int) -> None:
    encryptor, decryptor = Encryptor(KEY, ALICE_TO_BOB), Decryptor(KEY, ALICE_TO_BOB)
    sent = [encryptor.encrypt(b"", b"", 0) for _ in range(step + 1)]
    for n in (0, step):
        decryptor.decrypt(sent[n], b"", 0)
    for n in (0, step):
        with pytest.raises(AuthenticationError):
            decryptor.decrypt(sent[n], b"", 0)
    for n in range(1, step):
        if n > step - 64:
            decryptor.decrypt(sent[n], b"", 0)
    for _ in range(step):
        decryptor.decrypt(encryptor.encrypt(b"", b"", 0), b"", 0)
    assert decryptor._seen < 2**64  # the memory does not grow during the session


class Recorder:
    """A replacement of the cipher that records the nonces."""

    def __init__(self) -> None:
        self.nonces: list[bytes] = []

    def encrypt(self, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
        self.nonces.append(nonce)
        return plain


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=200))
def test_no_nonce_is_used_twice(messages: list[tuple[bool, int]]) -> None:
    """This holds for any epochs, and even if both directions had the same key."""
    recorder = Recorder()
    encryptors = [Encryptor(KEY, ALICE_TO_BOB), Encryptor(KEY, BOB_TO_ALICE)]
    for encryptor in encryptors:
        encryptor._cipher = recorder  # type: ignore[assignment]  # only `encrypt` is used
    for back, epoch in messages:
        encryptors[back].encrypt(b"", b"", epoch)
    assert len(set(recorder.nonces)) == len(messages)
    assert {len(nonce) for nonce in recorder.nonces} <= {12}


def test_counters_never_wrap() -> None:
    encryptor, decryptor = Encryptor(KEY, ALICE_TO_BOB), Decryptor(KEY, ALICE_TO_BOB)
    first = encryptor.encrypt(b"first", b"", 0)
    encryptor._counter = 2**32 - 1
    assert decryptor.decrypt(encryptor.encrypt(b"last", b"", 0), b"", 0) == b"last"
    for _ in range(2):
        with pytest.raises(secrecy.NonceExhausted):
            encryptor.encrypt(b"one too many", b"", 0)
    with pytest.raises(AuthenticationError):
        decryptor.decrypt(first, b"", 0)


# Keystream --------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=20), st.integers(0, 2**64 - 1), st.integers(0, 300))
@settings(max_examples=25)  # the reference implementation takes a millisecond per block
def test_keystream_is_chacha20_as_documented(label: bytes, index: int, count: int) -> None:
    subkey = hmac.digest(KEY, b"linksim/1 keystream/" + label + b"\x01", "sha256")  # HKDF-Expand for one block
    expected = chacha(subkey, 0, bytes(4) + index.to_bytes(8, "big"), count)
    assert secrecy.keystream(KEY, label, index, count) == expected
