"""The handshake: known answers, the documented key schedule, and attacks."""

import hmac

import pytest

from linksim import secrecy
from linksim.secrecy import AuthenticationError, KeyPair, SessionKeys

ALICE, BOB, EVE = (KeyPair(bytes([n]) * 32) for n in (1, 2, 3))
ALICE_EPHEMERAL, BOB_EPHEMERAL, EVE_EPHEMERAL = (KeyPair(bytes([n]) * 32) for n in (4, 5, 6))


def hkdf_expand(root: bytes, info: bytes) -> bytes:
    """RFC 5869 for one block of SHA-256."""
    return hmac.digest(root, info + b"\x01", "sha256")


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return hkdf_expand(hmac.digest(salt, secret, "sha256"), info)


def test_reference_hkdf_matches_the_rfc() -> None:
    okm = hkdf(bytes([0x0B]) * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)))
    assert okm.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"  # RFC 5869 A.1, its first 32 bytes


def keys_of(session: SessionKeys) -> list[bytes]:
    return [session.alice_to_bob, session.bob_to_alice, session.schemes, session.parameters, session.accept, session.header]


def both_ends(transcript: bytes = b"hello and accept") -> tuple[SessionKeys, SessionKeys]:
    alice = secrecy.derive_session_keys(ALICE, ALICE_EPHEMERAL, BOB.public, BOB_EPHEMERAL.public, True, transcript)
    bob = secrecy.derive_session_keys(BOB, BOB_EPHEMERAL, ALICE.public, ALICE_EPHEMERAL.public, False, transcript)
    return alice, bob


def test_exchange_matches_rfc_7748() -> None:
    alice = KeyPair(bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))  # section 6.1
    bob = KeyPair(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    assert alice.public.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert bob.public.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert alice.exchange(bob.public).hex() == bob.exchange(alice.public).hex() == shared


def test_both_ends_derive_the_same_six_keys() -> None:
    alice, bob = both_ends()
    assert alice == bob
    assert len(set(keys_of(alice))) == 6


def test_key_schedule_is_the_documented_one() -> None:
    secrets = (
        ALICE_EPHEMERAL.exchange(BOB_EPHEMERAL.public)
        + ALICE_EPHEMERAL.exchange(BOB.public)
        + ALICE.exchange(BOB_EPHEMERAL.public)
        + ALICE.exchange(BOB.public)
    )
    info = ALICE.public + ALICE_EPHEMERAL.public + BOB.public + BOB_EPHEMERAL.public + b"hello and accept"
    root = hkdf(secrets, b"linksim/1 session", info)
    purposes = (b"alice to bob", b"bob to alice", b"schemes", b"parameters", b"accept", b"header")
    alice, _ = both_ends()
    assert keys_of(alice) == [hkdf_expand(root, b"linksim/1 " + purpose) for purpose in purposes]
    early = hkdf(ALICE_EPHEMERAL.exchange(BOB.public) + ALICE.exchange(BOB.public), b"linksim/1 hello", ALICE.public + BOB.public)
    tag = secrecy.make_hello_tag(ALICE, ALICE_EPHEMERAL, BOB.public, b"bytes")
    assert tag == hmac.digest(early, b"bytes", "sha256")[:16]
    assert secrecy.make_accept_tag(alice, b"bytes") == hmac.digest(alice.accept, b"bytes", "sha256")[:16]
    assert secrecy.make_header_tag(alice, b"bytes") == hmac.digest(alice.header, b"bytes", "sha256")[:4]
    static = hkdf(ALICE.exchange(BOB.public), b"linksim/1 nack", BOB.public + ALICE.public)
    assert secrecy.make_static_tag(BOB, ALICE.public, b"nack", b"bytes") == hmac.digest(static, b"bytes", "sha256")[:16]


def test_an_attacker_without_a_private_key_derives_other_keys() -> None:
    """Eve knows all public values and the transcript, and combines her own private keys and any public keys in every way."""
    known = (ALICE.public, BOB.public, ALICE_EPHEMERAL.public, BOB_EPHEMERAL.public, EVE.public, EVE_EPHEMERAL.public)
    her_keys = set()
    for me, ephemeral in (
        (EVE, EVE_EPHEMERAL),
        (EVE, EVE),
        (ALICE, EVE_EPHEMERAL),
        (EVE, ALICE_EPHEMERAL),
        (BOB, EVE),
        (EVE, BOB_EPHEMERAL),
    ):
        for peer in known:
            for peer_ephemeral in known:
                for initiator in (True, False):
                    her_keys.update(
                        keys_of(secrecy.derive_session_keys(me, ephemeral, peer, peer_ephemeral, initiator, b"hello and accept"))
                    )
    assert not her_keys & set(keys_of(both_ends()[0]))


def test_keys_depend_on_the_transcript() -> None:
    assert not set(keys_of(both_ends(b"one")[0])) & set(keys_of(both_ends(b"other")[0]))


def test_session_keys_are_hidden_from_repr() -> None:
    assert repr(both_ends()[0]) == "SessionKeys()"


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31), bytes(31)])
def test_points_of_low_order_are_refused(public: bytes) -> None:
    with pytest.raises(AuthenticationError):
        ALICE.exchange(public)
    with pytest.raises(AuthenticationError):
        secrecy.derive_session_keys(ALICE, ALICE_EPHEMERAL, BOB.public, public, True, b"")


# Tags -----------------------------------------------------------------------------------------------------------


def test_hello_of_the_known_peer_is_accepted() -> None:
    tag = secrecy.make_hello_tag(ALICE, ALICE_EPHEMERAL, BOB.public, b"hello")
    secrecy.verify_hello_tag(BOB, ALICE.public, ALICE_EPHEMERAL.public, b"hello", tag)


def test_accept_of_the_known_peer_is_accepted() -> None:
    alice, bob = both_ends()
    secrecy.verify_accept_tag(alice, b"accept", secrecy.make_accept_tag(bob, b"accept"))


@pytest.mark.parametrize(
    ("identity", "ephemeral", "addressee"), [(EVE, EVE_EPHEMERAL, BOB), (EVE, ALICE_EPHEMERAL, BOB), (ALICE, ALICE_EPHEMERAL, EVE)]
)
def test_hello_under_a_forged_identity_is_refused(identity: KeyPair, ephemeral: KeyPair, addressee: KeyPair) -> None:
    tag = secrecy.make_hello_tag(identity, ephemeral, addressee.public, b"hello")
    with pytest.raises(AuthenticationError):
        secrecy.verify_hello_tag(BOB, ALICE.public, ephemeral.public, b"hello", tag)


def test_hello_with_another_ephemeral_key_is_refused() -> None:
    tag = secrecy.make_hello_tag(ALICE, ALICE_EPHEMERAL, BOB.public, b"hello")
    with pytest.raises(AuthenticationError):
        secrecy.verify_hello_tag(BOB, ALICE.public, EVE_EPHEMERAL.public, b"hello", tag)


def test_accept_under_a_forged_identity_is_refused() -> None:
    """Eve answers Alice's HELLO in place of Bob, with her own ephemeral key and identity."""
    alice = secrecy.derive_session_keys(ALICE, ALICE_EPHEMERAL, BOB.public, EVE_EPHEMERAL.public, True, b"hello and accept")
    eve = secrecy.derive_session_keys(EVE, EVE_EPHEMERAL, ALICE.public, ALICE_EPHEMERAL.public, False, b"hello and accept")
    with pytest.raises(AuthenticationError):
        secrecy.verify_accept_tag(alice, b"accept", secrecy.make_accept_tag(eve, b"accept"))


def flips(raw: bytes) -> list[bytes]:
    """Return all byte strings that differ from `raw` in one bit."""
    return [(int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big") for bit in range(8 * len(raw))]


def test_a_flipped_bit_in_a_tagged_message_is_refused() -> None:
    keys, _ = both_ends()
    hello = secrecy.make_hello_tag(ALICE, ALICE_EPHEMERAL, BOB.public, b"hello")
    accept = secrecy.make_accept_tag(keys, b"accept")
    for wrong in [*flips(hello), hello[:15], hello + b"\0", b""]:
        with pytest.raises(AuthenticationError):
            secrecy.verify_hello_tag(BOB, ALICE.public, ALICE_EPHEMERAL.public, b"hello", wrong)
    for wrong in [*flips(accept), accept[:15], accept + b"\0", b""]:
        with pytest.raises(AuthenticationError):
            secrecy.verify_accept_tag(keys, b"accept", wrong)
    for covered in flips(b"hello"):
        with pytest.raises(AuthenticationError):
            secrecy.verify_hello_tag(BOB, ALICE.public, ALICE_EPHEMERAL.public, covered, hello)


def test_a_tag_without_a_session_is_valid_for_its_purpose_sender_and_addressee() -> None:
    tag = secrecy.make_static_tag(BOB, ALICE.public, b"nack", b"covered")
    secrecy.verify_static_tag(ALICE, BOB.public, b"nack", b"covered", tag)
    for me, peer, purpose, covered in (
        (ALICE, BOB, b"challenge", b"covered"),
        (ALICE, BOB, b"nack", b"other"),
        (ALICE, EVE, b"nack", b"covered"),
        (EVE, BOB, b"nack", b"covered"),
        (BOB, ALICE, b"nack", b"covered"),  # it is not valid in the opposite direction
    ):
        with pytest.raises(AuthenticationError):
            secrecy.verify_static_tag(me, peer.public, purpose, covered, tag)
