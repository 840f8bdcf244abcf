"""Who may read and who may write: key agreement, sealing and keyed draws. All primitives come from the `cryptography` package.

Both ends know each other's identity (an X25519 public key) beforehand. The handshake has the shape of Noise KK, with `i` who sends HELLO:

    HELLO   E_i, tag under HKDF(DH(e_i, S_r), DH(s_i, S_r))                   proves that `i` knows s_i
    ACCEPT  E_r, tag under the session's `accept` key                         proves that `r` knows s_r and e_r
    session keys = HKDF-SHA256(DH(e_i, E_r), DH(e_i, S_r), DH(s_i, E_r), DH(s_i, S_r); both identities, both ephemerals, the transcript)

The ephemeral share keeps past traffic secret when an identity is lost later; the static shares refuse whoever is not the peer.

Private keys are made from bytes that are handed in, so that a run repeats byte for byte. That is for simulation alone: a real radio
takes them from its operating system.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import constant_time, hashes, hmac
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from numpy.typing import NDArray

KEY_BYTES = 32
TAG_BYTES = 16
COUNTER_BYTES = 4
LAST_COUNTER = 2 ** (8 * COUNTER_BYTES) - 1
WINDOW = 64
ALICE_TO_BOB, BOB_TO_ALICE = 0, 1

_NONCE = struct.Struct(">HHQ")  # direction, epoch, counter: 96 bits
_WORDS = 2**32


class AuthenticationError(Exception):
    """A message that is not its supposed sender's, was changed, or was seen before. It is dropped; the link goes on."""


class NonceExhausted(Exception):  # noqa: N818 - as above
    """All counters of a key are spent: without a new handshake nothing more may be sealed."""


class KeyPair:
    """An X25519 key pair: the identity of a node, or the ephemeral key of one handshake.

    private  32 bytes, from the run's streams. `public` is 32 bytes.
    """

    def __init__(self, private: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    def exchange(self, peer_public: bytes) -> bytes:
        """The 32-byte secret shared with the owner of `peer_public`. Raises Refused for a point that fixes the secret (RFC 7748, 6.1)."""
        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError as fault:
            raise AuthenticationError(f"no public key: {fault}") from None


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """What one handshake yields, 32 bytes each; Alice is who sent HELLO. Hidden from `repr`.

    alice_to_bob, bob_to_alice  keys of the sealed messages of each direction
    schemes                     key of the shared sets from which a sealed (p, s) chooses
    terms                       key of terms that both derive for themselves from the frame number
    accept                      key of the tag of ACCEPT
    """

    alice_to_bob: bytes = field(repr=False)
    bob_to_alice: bytes = field(repr=False)
    schemes: bytes = field(repr=False)
    parameters: bytes = field(repr=False)
    accept: bytes = field(repr=False)


def derive_session_keys(
    me: KeyPair, ephemeral: KeyPair, peer_public: bytes, peer_ephemeral: bytes, initiator: bool, transcript: bytes
) -> SessionKeys:
    """The keys of a session; the same at both ends if, and only if, all that goes in is.

    me, ephemeral                own identity and own ephemeral key pair
    peer_public, peer_ephemeral  the peer's identity as known beforehand, and its ephemeral key as received
    initiator                    whether this end sent HELLO
    transcript                   HELLO and ACCEPT as they went over the air, without the tag of ACCEPT

    Raises Refused for a public key that is none. It says nothing yet about who the peer is: see `verify_hello_tag` and `verify_accept_tag`.
    """
    own_ephemeral_with_peer, own_with_peer_ephemeral = ephemeral.exchange(peer_public), me.exchange(peer_ephemeral)
    es, se = (own_ephemeral_with_peer, own_with_peer_ephemeral) if initiator else (own_with_peer_ephemeral, own_ephemeral_with_peer)
    secrets = ephemeral.exchange(peer_ephemeral) + es + se + me.exchange(peer_public)
    mine, theirs = me.public + ephemeral.public, peer_public + peer_ephemeral
    root = _extract(secrets, b"linksim/1 session", (mine + theirs if initiator else theirs + mine) + transcript)
    purposes = (b"alice to bob", b"bob to alice", b"schemes", b"parameters", b"accept")
    return SessionKeys(*(_expand(root, b"linksim/1 " + purpose) for purpose in purposes))


def make_hello_tag(me: KeyPair, ephemeral: KeyPair, peer_public: bytes, covered: bytes) -> bytes:
    """Tag (16 bytes) of a HELLO whose other bytes are `covered`: only `me` and the peer can make it."""
    secrets = ephemeral.exchange(peer_public) + me.exchange(peer_public)
    return _tag(_extract(secrets, b"linksim/1 hello", me.public + peer_public), covered)


def verify_hello_tag(me: KeyPair, peer_public: bytes, peer_ephemeral: bytes, covered: bytes, tag: bytes) -> None:
    """Raises Refused unless `tag` was made by the owner of `peer_public`, for `me`."""
    secrets = me.exchange(peer_ephemeral) + me.exchange(peer_public)
    _compare(_tag(_extract(secrets, b"linksim/1 hello", peer_public + me.public), covered), tag)


def make_accept_tag(keys: SessionKeys, covered: bytes) -> bytes:
    """Tag (16 bytes) of an ACCEPT whose other bytes are `covered`."""
    return _tag(keys.accept, covered)


def verify_accept_tag(keys: SessionKeys, covered: bytes, tag: bytes) -> None:
    """Raises Refused unless the sender of ACCEPT holds the same session keys, hence both of its private keys."""
    _compare(_tag(keys.accept, covered), tag)


def make_nack_tag(me: KeyPair, peer_public: bytes, covered: bytes) -> bytes:
    """Tag (16 bytes) of a NACK whose other bytes are `covered`: the two identities alone make its key, so it outlives a session."""
    return _tag(_extract(me.exchange(peer_public), b"linksim/1 nack", me.public + peer_public), covered)


def verify_nack_tag(me: KeyPair, peer_public: bytes, covered: bytes, tag: bytes) -> None:
    """Raises Refused unless `tag` was made by the owner of `peer_public`, for `me`."""
    _compare(_tag(_extract(me.exchange(peer_public), b"linksim/1 nack", peer_public + me.public), covered), tag)


def nonce(direction: int, epoch: int, counter: int) -> bytes:
    """The 12 bytes that one key meets once only. `Sealer` never repeats a counter, so no epoch can bring a nonce back."""
    return _NONCE.pack(direction, epoch, counter)


class Encryptor:
    """Seals the messages of one direction: ChaCha20-Poly1305 with a counter that never repeats."""

    def __init__(self, key: bytes, direction: int) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._direction = direction
        self._counter = 0

    def encrypt(self, plain: bytes, associated: bytes, epoch: int) -> bytes:
        """-> counter (4 bytes), ciphertext (as long as `plain`), tag (16 bytes). Raises Exhausted after 2^32 messages."""
        if self._counter > LAST_COUNTER:
            raise NonceExhausted("every counter of this key is spent")
        counter = self._counter
        self._counter += 1
        sealed = self._cipher.encrypt(nonce(self._direction, epoch, counter), plain, associated)
        return counter.to_bytes(COUNTER_BYTES, "big") + sealed


class Decryptor:
    """Opens what the peer's `Sealer` sealed, each message once, in any order within the last 64 counters."""

    def __init__(self, key: bytes, direction: int) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._direction = direction
        self._newest = -1
        self._seen = 0  # bit k: the counter `newest - k` was opened

    def decrypt(self, sealed: bytes, associated: bytes, epoch: int) -> bytes:
        """-> the plain bytes. Raises Refused, and forgets the try, for a forgery, a replay, or a counter that left the window."""
        if len(sealed) < COUNTER_BYTES + TAG_BYTES:
            raise AuthenticationError(f"{len(sealed)} bytes hold no sealed message")
        counter = int.from_bytes(sealed[:COUNTER_BYTES], "big")
        age = self._newest - counter
        if age >= WINDOW or (age >= 0 and self._seen >> age & 1):
            raise AuthenticationError(f"counter {counter} was used or is too old, the newest is {self._newest}")
        try:
            plain = self._cipher.decrypt(nonce(self._direction, epoch, counter), sealed[COUNTER_BYTES:], associated)
        except InvalidTag:
            raise AuthenticationError("the tag does not fit") from None
        if age >= 0:
            self._seen |= 1 << age
        else:  # a shift beyond the window would build a number of up to 2^32 bits
            self._seen = (self._seen << -age | 1) & (1 << WINDOW) - 1 if -age < WINDOW else 1
            self._newest = counter
        return plain


def keystream(key: bytes, label: bytes, index: int, count: int) -> bytes:
    """`count` bytes that nobody without `key` can tell from chance.

    ChaCha20 under a key of its own for `label`, with `index` (0..2^64-1) as nonce. A shorter stream is the beginning of a longer one.
    """
    return _stream(key, label, index).update(bytes(count))


def draw_permutation(key: bytes, label: bytes, index: int, size: int) -> NDArray[np.int64]:
    """A uniform permutation of 0..size-1, int64 [size], by Fisher-Yates."""
    words = _words(key, b"permutation/" + label, index)
    order = list(range(size))
    for last in range(size - 1, 0, -1):
        chosen = draw_below(words, last + 1)
        order[last], order[chosen] = order[chosen], order[last]
    return np.array(order, np.int64)


def draw_subset(key: bytes, label: bytes, index: int, size: int, count: int) -> NDArray[np.int64]:
    """`count` different numbers of 0..size-1, each set equally likely, ascending, int64 [count]. Raises ValueError for more than `size`."""
    if not 0 <= count <= size:
        raise ValueError(f"a subset of {size} has 0 to {size} members, got {count}")
    words = _words(key, b"subset/" + label, index)
    members = list(range(size))
    for place in range(count):
        chosen = place + draw_below(words, size - place)
        members[place], members[chosen] = members[chosen], members[place]
    return np.array(sorted(members[:count]), np.int64)


def draw_below(words: Iterator[int], bound: int) -> int:
    """Uniform on 0..bound-1 from uniform 32-bit words: a word from the incomplete last round of residues is skipped, else low ones win."""
    limit = _WORDS - _WORDS % bound
    while (word := next(words)) >= limit:
        continue
    return word % bound


def _words(key: bytes, label: bytes, index: int) -> Iterator[int]:
    stream = _stream(key, label, index)
    while True:
        yield from np.frombuffer(stream.update(bytes(256)), "<u4").tolist()


def _stream(key: bytes, label: bytes, index: int) -> CipherContext:
    """The library's 16 bytes are the block counter (4, little-endian) and the nonce of RFC 8439 (12)."""
    subkey = _expand(key, b"linksim/1 keystream/" + label)
    return Cipher(algorithms.ChaCha20(subkey, bytes(8) + index.to_bytes(8, "big")), mode=None).encryptor()


def _extract(secrets: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt, info).derive(secrets)


def _expand(root: bytes, info: bytes) -> bytes:
    return HKDFExpand(hashes.SHA256(), KEY_BYTES, info).derive(root)


def _tag(key: bytes, covered: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(covered)
    return mac.finalize()[:TAG_BYTES]


def _compare(expected: bytes, tag: bytes) -> None:
    if not constant_time.bytes_eq(expected, tag):
        raise AuthenticationError("the tag does not fit")
