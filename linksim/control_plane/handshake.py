"""The handshake, Alice's half and Bob's half side by side: messages in, messages and keys out. It knows neither clock nor air.

The shape is that of Noise KK, see `secrecy`. After it both hold the same keys, and Alice knows so. Bob does not until she uses them.
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
    """Alice's half; a new one for each handshake.

    frame  her HELLO, as it goes on the air as often as it takes
    """

    def __init__(self, me: KeyPair, ephemeral: KeyPair, peer: bytes, epoch: int, sequence: int, sent_ns: int) -> None:
        self._me, self._ephemeral, self._peer = me, ephemeral, peer
        bare = Hello(epoch, sequence, sent_ns, ephemeral.public, bytes(TAG_BYTES))
        self.frame = wire.frame(replace(bare, tag=make_hello_tag(me, ephemeral, peer, bare.covered())))

    def keys(self, accept: Accept) -> SessionKeys:
        """The session's keys, which prove the tag of ACCEPT. Raises Refused where they do not."""
        keys = derive_session_keys(self._me, self._ephemeral, self._peer, accept.ephemeral, True, self.frame + accept.covered())
        verify_accept_tag(keys, accept.covered(), accept.tag)
        return keys


class HandshakeResponder:
    """Bob's half, for all handshakes until he restarts.

    draw_ephemeral  gives a new key pair
    frame           his last ACCEPT, as it goes on the air as often as its HELLO comes
    """

    def __init__(self, me: KeyPair, draw_ephemeral: Callable[[], KeyPair], peer: bytes) -> None:
        self._me, self._draw_ephemeral, self._peer = me, draw_ephemeral, peer
        self._last, self._newest_ns = b"", -1
        self.frame = b""

    def keys(self, hello: Hello, raw: bytes) -> SessionKeys | None:
        """The keys of a new session, or None for a repeat of the last HELLO. Raises Refused for a forgery and for a replay."""
        if raw == self._last:
            return None
        verify_hello_tag(self._me, self._peer, hello.ephemeral, hello.covered(), hello.tag)
        if hello.sent_ns <= self._newest_ns:
            raise AuthenticationError("a HELLO older than the last one")
        ephemeral = self._draw_ephemeral()
        bare = Accept(hello.epoch, hello.sequence, ephemeral.public, bytes(TAG_BYTES))
        keys = derive_session_keys(self._me, ephemeral, self._peer, hello.ephemeral, False, raw + bare.covered())
        self._last, self._newest_ns = raw, hello.sent_ns
        self.frame = wire.frame(replace(bare, tag=make_accept_tag(keys, bare.covered())))
        return keys
