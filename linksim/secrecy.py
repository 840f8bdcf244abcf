"""Key agreement, authenticated encryption and keyed draws. All primitives come from the `cryptography` package.

Both ends know each other's identity, an X25519 public key, in advance. The handshake follows the pattern of Noise KK. `s`/`S` are the
private and public key of an identity, `e`/`E` those of an ephemeral key, `i` is the initiator, which sends HELLO, and `r` the responder:

    HELLO   E_i, tag with HKDF(DH(e_i, S_r), DH(s_i, S_r))                    proves that `i` knows s_i
    ACCEPT  E_r, tag with the session's `accept` key                          proves that `r` knows s_r and e_r
    session keys = HKDF-SHA256(DH(e_i, E_r), DH(e_i, S_r), DH(s_i, E_r), DH(s_i, S_r); both identities, both ephemerals, the transcript)

The ephemeral keys protect past traffic if an identity is compromised later. The static keys authenticate the peer.

Private keys are made from bytes of the caller, so that a run is repeatable byte by byte. This is for simulation only. A real radio takes
private keys from its operating system.
"""

import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from numpy.typing import NDArray

KEY_BYTES = 32  # of X25519, HKDF-SHA256 and ChaCha20
TAG_BYTES = 16  # of Poly1305; tags of HMAC-SHA256 are truncated to this length
COUNTER_BYTES = 4  # sent with each ciphertext, so that messages may be lost or overtake each other
LAST_COUNTER = 2 ** (8 * COUNTER_BYTES) - 1
WINDOW = 64  # number of counters, up to the newest one received, of which a late message is still accepted
ALICE_TO_BOB, BOB_TO_ALICE = 0, 1  # direction of a sealed message, part of its nonce

_NONCE = struct.Struct(">HHQ")  # direction, epoch, counter: 96 bits
_WORDS = 2**32  # number of values of a 32-bit word


class AuthenticationError(Exception):
    """A message of another sender, a changed message, or a replay. The message is dropped and the link continues."""


class NonceExhausted(Exception):  # noqa: N818 - the end of a session, not a fault of the program
    """All counters of a key are used. No message can be encrypted before a new handshake."""


class KeyPair:
    """An X25519 key pair: the identity of a node, or the ephemeral key of one handshake.

    private  private key, 32 bytes
    public   public key, 32 bytes

    >>> one, other = KeyPair(bytes([1]) * 32), KeyPair(bytes([2]) * 32)
    >>> one.exchange(other.public) == other.exchange(one.public)
    True
    """

    def __init__(self, private: bytes) -> None:
        self._private = X25519PrivateKey.from_private_bytes(private)
        self.public = self._private.public_key().public_bytes_raw()

    def exchange(self, peer_public: bytes) -> bytes:
        """Return the shared secret with the owner of `peer_public`, 32 bytes.

        Raises AuthenticationError for a point of low order (RFC 7748, 6.1).
        """
        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError as error:
            raise AuthenticationError(f"invalid public key: {error}") from None


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys of one session, 32 bytes each, hidden from `repr`. Alice is the initiator.

    alice_to_bob, bob_to_alice  keys of the sealed messages of each direction
    schemes                     key of the shared key sets, to which a transmitted (p, s) refers
    parameters                  key of the frame keys that both ends derive from the frame number
    accept                      key of the tag of ACCEPT
    header                      key of the tags of the headers of data frames
    """

    alice_to_bob: bytes = field(repr=False)
    bob_to_alice: bytes = field(repr=False)
    schemes: bytes = field(repr=False)
    parameters: bytes = field(repr=False)
    accept: bytes = field(repr=False)
    header: bytes = field(repr=False)


def derive_session_keys(
    me: KeyPair, ephemeral: KeyPair, peer_public: bytes, peer_ephemeral: bytes, initiator: bool, transcript: bytes
) -> SessionKeys:
    """Return the keys of a session. Both ends get the same keys if and only if all inputs correspond.

    me, ephemeral                own identity and own ephemeral key pair
    peer_public, peer_ephemeral  the peer's identity and the received ephemeral public key
    initiator                    True at the end that sent HELLO
    transcript                   bytes of HELLO and ACCEPT, without the tag of ACCEPT

    Raises AuthenticationError for an invalid public key. The peer is authenticated by `verify_hello_tag` and `verify_accept_tag` only.
    """
    own_ephemeral_with_peer, own_with_peer_ephemeral = ephemeral.exchange(peer_public), me.exchange(peer_ephemeral)
    es, se = (own_ephemeral_with_peer, own_with_peer_ephemeral) if initiator else (own_with_peer_ephemeral, own_ephemeral_with_peer)
    secrets = ephemeral.exchange(peer_ephemeral) + es + se + me.exchange(peer_public)
    mine, theirs = me.public + ephemeral.public, peer_public + peer_ephemeral
    root = _extract(secrets, b"linksim/1 session", (mine + theirs if initiator else theirs + mine) + transcript)
    purposes = (b"alice to bob", b"bob to alice", b"schemes", b"parameters", b"accept", b"header")
    return SessionKeys(*(_expand(root, b"linksim/1 " + purpose) for purpose in purposes))


def make_hello_tag(me: KeyPair, ephemeral: KeyPair, peer_public: bytes, covered: bytes) -> bytes:
    """Return the tag (16 bytes) of a HELLO with the bytes `covered`. Only `me` and the peer can compute it."""
    secrets = ephemeral.exchange(peer_public) + me.exchange(peer_public)
    return _tag(_extract(secrets, b"linksim/1 hello", me.public + peer_public), covered)


def verify_hello_tag(me: KeyPair, peer_public: bytes, peer_ephemeral: bytes, covered: bytes, tag: bytes) -> None:
    """Raise AuthenticationError unless the owner of `peer_public` made `tag` for `me`."""
    secrets = me.exchange(peer_ephemeral) + me.exchange(peer_public)
    compare_tags(_tag(_extract(secrets, b"linksim/1 hello", peer_public + me.public), covered), tag)


def make_accept_tag(keys: SessionKeys, covered: bytes) -> bytes:
    """Return the tag (16 bytes) of an ACCEPT with the bytes `covered`."""
    return _tag(keys.accept, covered)


def verify_accept_tag(keys: SessionKeys, covered: bytes, tag: bytes) -> None:
    """Raise AuthenticationError unless the sender of ACCEPT holds the same session keys, and so both of its private keys."""
    compare_tags(_tag(keys.accept, covered), tag)


def make_header_tag(keys: SessionKeys, covered: bytes) -> bytes:
    """Return the tag (4 bytes) of a data frame's header with the bytes `covered`. A forged one is right with a probability of 2^-32."""
    return _tag(keys.header, covered)[:4]


def make_static_tag(me: KeyPair, peer_public: bytes, purpose: bytes, covered: bytes) -> bytes:
    """Return the tag (16 bytes) of a message that needs no session. Its key depends on the identities and `purpose` only."""
    return _tag(_extract(me.exchange(peer_public), b"linksim/1 " + purpose, me.public + peer_public), covered)


def verify_static_tag(me: KeyPair, peer_public: bytes, purpose: bytes, covered: bytes, tag: bytes) -> None:
    """Raise AuthenticationError unless the owner of `peer_public` made `tag` for `me` and this purpose."""
    compare_tags(_tag(_extract(me.exchange(peer_public), b"linksim/1 " + purpose, peer_public + me.public), covered), tag)


def nonce(direction: int, epoch: int, counter: int) -> bytes:
    """Return the nonce of a message, 12 bytes. `Encryptor` never repeats a counter, so a key never has a nonce twice, whatever the epoch.

    >>> nonce(ALICE_TO_BOB, epoch=1, counter=2).hex()
    '000000010000000000000002'
    """
    return _NONCE.pack(direction, epoch, counter)


class Encryptor:
    """Encrypts and authenticates the messages of one direction: ChaCha20-Poly1305 with a counter that never repeats.

    >>> sealed = Encryptor(bytes(32), ALICE_TO_BOB).encrypt(b"plain", b"head", epoch=0)
    >>> Decryptor(bytes(32), ALICE_TO_BOB).decrypt(sealed, b"head", epoch=0)
    b'plain'
    """

    def __init__(self, key: bytes, direction: int) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._direction = direction
        self._counter = 0

    def encrypt(self, plain: bytes, associated: bytes, epoch: int) -> bytes:
        """Return counter (4 bytes), ciphertext (as long as `plain`) and tag (16 bytes). Raises NonceExhausted after 2^32 messages.

        associated  bytes that the tag authenticates in addition
        epoch       part of the nonce
        """
        if self._counter > LAST_COUNTER:
            raise NonceExhausted("all counters of this key are used")
        counter = self._counter
        self._counter += 1
        sealed = self._cipher.encrypt(nonce(self._direction, epoch, counter), plain, associated)
        return counter.to_bytes(COUNTER_BYTES, "big") + sealed


class Decryptor:
    """Decrypts the messages of the peer's `Encryptor`, each message once, in any order within the last `WINDOW` counters."""

    def __init__(self, key: bytes, direction: int) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._direction = direction
        self._newest = -1
        self._seen = 0  # bit k: the message with counter `newest - k` was decrypted

    def decrypt(self, sealed: bytes, associated: bytes, epoch: int) -> bytes:
        """Return the plain bytes of counter, ciphertext and tag; `associated` and `epoch` must equal those of `Encryptor.encrypt`.

        Raises AuthenticationError, without a change of state, for a forgery, a replay, or a counter below the window.
        """
        if len(sealed) < COUNTER_BYTES + TAG_BYTES:
            raise AuthenticationError(f"a sealed message has at least {COUNTER_BYTES + TAG_BYTES} bytes, got {len(sealed)}")
        counter = int.from_bytes(sealed[:COUNTER_BYTES], "big")
        age = self._newest - counter
        if age >= WINDOW or (age >= 0 and self._seen >> age & 1):
            raise AuthenticationError(f"counter {counter} was used or is too old, the newest is {self._newest}")
        try:
            plain = self._cipher.decrypt(nonce(self._direction, epoch, counter), sealed[COUNTER_BYTES:], associated)
        except InvalidTag:
            raise AuthenticationError("the tag is wrong") from None
        if age >= 0:
            self._seen |= 1 << age
        else:  # a shift by more than the window could create an integer of up to 2^32 bits
            self._seen = (self._seen << -age | 1) & (1 << WINDOW) - 1 if -age < WINDOW else 1
            self._newest = counter
        return plain


def keystream(key: bytes, label: bytes, index: int, count: int) -> bytes:
    """Return `count` pseudo-random bytes that are indistinguishable from random ones without `key`.

    The cipher is ChaCha20 with a key that is derived for `label`, and `index` (0..2^64-1) as nonce. A shorter stream is a prefix of a
    longer one.

    >>> keystream(bytes(32), b"label", 0, 8)[:4] == keystream(bytes(32), b"label", 0, 4)
    True
    """
    return _stream(key, label, index).update(bytes(count))


def draw_permutation(key: bytes, label: bytes, index: int, size: int) -> NDArray[np.int64]:
    """Return a uniform permutation of 0..size-1, int64 [size], by the Fisher-Yates algorithm.

    >>> sorted(draw_permutation(bytes(32), b"label", 0, 4).tolist())
    [0, 1, 2, 3]
    """
    words = _words(key, b"permutation/" + label, index)
    order = list(range(size))
    for last in range(size - 1, 0, -1):
        chosen = draw_below(words, last + 1)
        order[last], order[chosen] = order[chosen], order[last]
    return np.array(order, np.int64)


def draw_subset(key: bytes, label: bytes, index: int, size: int, count: int) -> NDArray[np.int64]:
    """Return `count` different numbers of 0..size-1 in ascending order, int64 [count]. All sets have the same probability.

    Raises ValueError unless 0 <= count <= size.
    """
    if not 0 <= count <= size:
        raise ValueError(f"a subset of {size} has 0 to {size} members, got {count}")
    words = _words(key, b"subset/" + label, index)
    members = list(range(size))
    for place in range(count):
        chosen = place + draw_below(words, size - place)
        members[place], members[chosen] = members[chosen], members[place]
    return np.array(sorted(members[:count]), np.int64)


def draw_below(words: Iterator[int], bound: int) -> int:
    """Return a uniform number of 0..bound-1 from uniform 32-bit words.

    Words from the largest multiple of `bound` on are skipped, because they would favour small numbers.
    """
    limit = _WORDS - _WORDS % bound
    while (word := next(words)) >= limit:
        continue
    return word % bound


def _words(key: bytes, label: bytes, index: int) -> Iterator[int]:
    stream = _stream(key, label, index)
    while True:
        yield from np.frombuffer(stream.update(bytes(256)), "<u4").tolist()


def _stream(key: bytes, label: bytes, index: int) -> CipherContext:
    """The 16 bytes are the block counter (4, little-endian) and the nonce of RFC 8439 (12)."""
    subkey = _expand(key, b"linksim/1 keystream/" + label)
    return Cipher(algorithms.ChaCha20(subkey, bytes(8) + index.to_bytes(8, "big")), mode=None).encryptor()


def _extract(secrets: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt, info).derive(secrets)


def _expand(root: bytes, info: bytes) -> bytes:
    return HKDFExpand(hashes.SHA256(), KEY_BYTES, info).derive(root)


def _tag(key: bytes, covered: bytes) -> bytes:
    return hmac.digest(key, covered, "sha256")[:TAG_BYTES]


def compare_tags(expected: bytes, tag: bytes) -> None:
    """Raise AuthenticationError unless both tags are equal. The time that it takes does not depend on the tags."""
    if not hmac.compare_digest(expected, tag):
        raise AuthenticationError("the tag is wrong")
