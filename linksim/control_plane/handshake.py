"""The two halves of the handshake, Alice's and Bob's: messages in, messages and session keys out, without clock and air.

The handshake follows the pattern of Noise KK, see `secrecy`. After it both ends hold the same keys. Alice knows this at once, Bob knows it
when Alice uses the keys.
"""

from collections.abc import Callable
from dataclasses import replace

from linksim.control_plane import wire
from linksim.control_plane.messages import Accept, Hello
from linksim.secrecy import (
    TAG_BYTES,
    AuthenticationError,
    KeyPair,
    SessionKeys,
    derive_session_keys,
    make_accept_tag,
    make_hello_tag,
    verify_accept_tag,
    verify_hello_tag,
)


class HandshakeInitiator:
    """Alice's half, one object per handshake.

    frame  the bytes of HELLO, the same for every transmission
    """

    def __init__(self, me: KeyPair, ephemeral: KeyPair, peer: bytes, epoch: int, sequence: int, sent_ns: int) -> None:
        self._me, self._ephemeral, self._peer = me, ephemeral, peer
        untagged = Hello(epoch, sequence, sent_ns, ephemeral.public, bytes(TAG_BYTES))
        self.frame = wire.frame(replace(untagged, tag=make_hello_tag(me, ephemeral, peer, untagged.covered())))

    def keys(self, accept: Accept) -> SessionKeys:
        """Return the session keys. Raises AuthenticationError if they do not verify the tag of `accept`."""
        keys = derive_session_keys(self._me, self._ephemeral, self._peer, accept.ephemeral, True, self.frame + accept.covered())
        verify_accept_tag(keys, accept.covered(), accept.tag)
        return keys


class HandshakeResponder:
    """Bob's half, for all handshakes until he restarts.

    draw_ephemeral  returns a new key pair
    frame           the bytes of the newest ACCEPT, the same for every repetition of its HELLO
    """

    def __init__(self, me: KeyPair, draw_ephemeral: Callable[[], KeyPair], peer: bytes) -> None:
        self._me, self._draw_ephemeral, self._peer = me, draw_ephemeral, peer
        self._last, self._newest_ns = b"", -1
        self.frame = b""

    def keys(self, hello: Hello, raw: bytes) -> SessionKeys | None:
        """Return the keys of a new session, or None for a repetition of the last HELLO.

        Raises AuthenticationError if the tag is wrong or the HELLO is not newer than the last one.
        """
        if raw == self._last:
            return None
        verify_hello_tag(self._me, self._peer, hello.ephemeral, hello.covered(), hello.tag)
        if hello.sent_ns <= self._newest_ns:
            raise AuthenticationError("this HELLO is older than the last one")
        ephemeral = self._draw_ephemeral()
        untagged = Accept(hello.epoch, hello.sequence, ephemeral.public, bytes(TAG_BYTES))
        keys = derive_session_keys(self._me, ephemeral, self._peer, hello.ephemeral, False, raw + untagged.covered())
        self._last, self._newest_ns = raw, hello.sent_ns
        self.frame = wire.frame(replace(untagged, tag=make_accept_tag(keys, untagged.covered())))
        return keys
