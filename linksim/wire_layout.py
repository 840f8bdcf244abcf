"""Layout of control frames on the wire, the single source for the messages that are sent and for the estimate of a run.

    clear   head 1 | epoch 2 | sequence 4 | body | CRC-32 4
    sealed  head 1 | epoch 2 | counter 4 | AEAD(sequence 4 | body) | tag 16 | CRC-32 4

Big-endian throughout. Bodies of the clear kinds end with a tag of `TAG_BYTES`. REPORT ends with one 16-bit number per negotiated parameter,
KEY with one pair of 16-bit numbers per sealed key. docs/wire-format.md is the contract.

>>> message_bytes("ack"), message_bytes("report", parameters=2), message_bytes("key", pairs=1)
(32, 39, 39)
"""

from struct import Struct

KEY_BYTES = 32
TAG_BYTES = 16
COUNTER_BYTES = 4
HEAD = Struct(">BH")
SEQUENCE = Struct(">I")
CRC_BYTES = 4
PARAMETER = Struct(">H")  # of a REPORT, once per negotiated parameter
PAIR = Struct(">HH")  # of a KEY, once per sealed pair (p, s)
BODIES = {
    "probe": Struct(">H"),  # number of pilots
    "report": Struct(">hH"),  # SNR in hundredths of a dB, epoch offered
    "confirm": Struct(">H"),  # epoch
    "key": Struct(">I"),  # number of the data frame
    "ack": Struct(">B"),  # kind of the acknowledged message
    "hello": Struct(f">Q{KEY_BYTES}s{TAG_BYTES}s"),  # time in ns, ephemeral public key, tag
    "accept": Struct(f">{KEY_BYTES}s{TAG_BYTES}s"),  # ephemeral public key, tag
    "nack": Struct(f">BB{TAG_BYTES}s"),  # transmission, reason, tag
}
CLEAR = ("hello", "accept", "nack")


def message_bytes(kind: str, parameters: int = 0, pairs: int = 0) -> int:
    """Bytes of a control frame of that kind, with head and checksum."""
    body = BODIES[kind].size + PARAMETER.size * parameters * (kind == "report") + PAIR.size * pairs * (kind == "key")
    sealing = 0 if kind in CLEAR else COUNTER_BYTES + TAG_BYTES
    return HEAD.size + SEQUENCE.size + sealing + body + CRC_BYTES
