"""The two halves of the handshake, Alice's and Bob's: messages in, messages and session keys out, without clock and air.

    Alice                                           Bob
    HELLO (time, ephemeral key, tag)        ----->  tag right, time later than all before: new keys
                                            <-----  ACCEPT (ephemeral key, tag)

    HELLO (time, ephemeral key, tag)        ----->  tag right, time not later: a replay, or Alice's clock was set back
                                            <-----  CHALLENGE (number, tag over the HELLO)
    HELLO (number, same ephemeral key, tag) ----->  tag and number right: new keys
                                            <-----  ACCEPT (ephemeral key, tag)

The handshake follows the pattern of Noise KK, see `secrecy`. After it both ends hold the same keys. Alice knows this at once, Bob knows it
when Alice uses the keys.

Bob must not accept a replayed HELLO. A time later than all before proves that he has not seen a HELLO, without an additional message. A
challenge proves it for every clock: its number is a keyed function of Alice's ephemeral key and of the number of HELLOs that he has
accepted, so it is valid for one HELLO. He stores no challenge, so replayed HELLOs cannot displace one. A HELLO accepted by challenge leaves
the latest time as it was, so that no HELLO with an earlier time is ever accepted by its time.
"""

from collections.abc import Callable
from dataclasses import replace

from linksim.control_plane import wire
from linksim.control_plane.messages import FIRST_CHALLENGE, Accept, Challenge, Hello
from linksim.secrecy import (
    TAG_BYTES,
    AuthenticationError,
    KeyPair,
    SessionKeys,
    derive_session_keys,
    keystream,
    make_accept_tag,
    make_hello_tag,
    make_static_tag,
    verify_accept_tag,
    verify_hello_tag,
    verify_static_tag,
)

CHALLENGE = b"challenge"  # purpose of the tag of CHALLENGE


class StaleHello(AuthenticationError):  # noqa: N818 - an event of the link, not a fault of the program
    """A HELLO with a right tag that may be a replay."""


class HandshakeInitiator:
    """Alice's half, one object per HELLO.

    me, ephemeral    her identity, and a key pair that is used for this handshake only
    peer             Bob's identity, public key, 32 bytes
    epoch, sequence  as in `messages.Message`
    freshness        time of sending in ns, below 2^63, or the number of Bob's challenge
    frame            the bytes of HELLO, the same for every transmission
    """

    def __init__(self, me: KeyPair, ephemeral: KeyPair, peer: bytes, epoch: int, sequence: int, freshness: int) -> None:
        self._me, self._ephemeral, self._peer, self._epoch = me, ephemeral, peer, epoch
        untagged = Hello(epoch, sequence, freshness, ephemeral.public, bytes(TAG_BYTES))
        self.frame = wire.frame(replace(untagged, tag=make_hello_tag(me, ephemeral, peer, untagged.covered())))

    def keys(self, accept: Accept) -> SessionKeys:
        """Return the session keys. Raises AuthenticationError if they do not verify the tag of `accept`."""
        keys = derive_session_keys(self._me, self._ephemeral, self._peer, accept.ephemeral, True, self.frame + accept.covered())
        verify_accept_tag(keys, accept.covered(), accept.tag)
        return keys

    def verify(self, challenge: Challenge) -> None:
        """Raise AuthenticationError unless Bob made `challenge` for this HELLO."""
        verify_static_tag(self._me, self._peer, CHALLENGE, challenge.covered() + self.frame, challenge.tag)

    def answer(self, challenge: Challenge, sequence: int) -> "HandshakeInitiator":
        """Return the handshake with the HELLO that answers a verified challenge."""
        return HandshakeInitiator(self._me, self._ephemeral, self._peer, self._epoch, sequence, challenge.number)


class HandshakeResponder:
    """Bob's half, for all handshakes until he restarts.

    me              his identity
    draw_ephemeral  returns a new key pair
    peer            Alice's identity, public key, 32 bytes
    secret          random key of the challenges, 32 bytes, another one after every restart
    frame           the bytes of the newest ACCEPT, the same for every repetition of its HELLO
    """

    def __init__(self, me: KeyPair, draw_ephemeral: Callable[[], KeyPair], peer: bytes, secret: bytes) -> None:
        self._me, self._draw_ephemeral, self._peer, self._secret = me, draw_ephemeral, peer, secret
        self._last, self._newest_ns, self._accepted = b"", -1, 0
        self.frame = b""

    def keys(self, hello: Hello, raw: bytes) -> SessionKeys | None:
        """Return the keys of a new session, or None for a repetition of the last HELLO.

        Raises AuthenticationError if the tag is wrong, StaleHello if it is right, but neither time nor number show that the HELLO is new.
        """
        if raw == self._last:
            return None
        verify_hello_tag(self._me, self._peer, hello.ephemeral, hello.covered(), hello.tag)
        timed = hello.freshness < FIRST_CHALLENGE
        if (timed and hello.freshness <= self._newest_ns) or (not timed and hello.freshness != self._challenge(hello)):
            raise StaleHello("this HELLO is not newer than the last one")
        ephemeral = self._draw_ephemeral()
        untagged = Accept(hello.epoch, hello.sequence, ephemeral.public, bytes(TAG_BYTES))
        keys = derive_session_keys(self._me, ephemeral, self._peer, hello.ephemeral, False, raw + untagged.covered())
        self._last, self._accepted = raw, self._accepted + 1
        self._newest_ns = hello.freshness if timed else self._newest_ns
        self.frame = wire.frame(replace(untagged, tag=make_accept_tag(keys, untagged.covered())))
        return keys

    def challenge(self, hello: Hello, raw: bytes) -> bytes:
        """Return the bytes of the CHALLENGE that answers a stale HELLO with the bytes `raw`, the same for every repetition of it."""
        untagged = Challenge(hello.epoch, hello.sequence, self._challenge(hello), bytes(TAG_BYTES))
        return wire.frame(replace(untagged, tag=make_static_tag(self._me, self._peer, CHALLENGE, untagged.covered() + raw)))

    def _challenge(self, hello: Hello) -> int:
        """Return the number that makes a HELLO with this ephemeral key acceptable until the next HELLO is accepted."""
        drawn = keystream(self._secret, CHALLENGE + hello.ephemeral, self._accepted, 8)
        return FIRST_CHALLENGE | int.from_bytes(drawn, "big")
