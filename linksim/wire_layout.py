"""Layout of control frames and data headers on the wire, the single source for what is sent and for the estimate of a run.

    clear   head 1 | epoch 2 | sequence 4 | body | CRC-32 4
    sealed  head 1 | epoch 2 | counter 4 | AEAD(sequence 4 | body) | tag 16 | CRC-32 4
    header  head 1 | epoch 2 | frame 4 | transmission 1 | tag 4, with a session only | CRC-32 4

Big-endian throughout. Bodies of the clear kinds end with a tag of `TAG_BYTES`. REPORT ends with one 16-bit number per negotiated parameter,
KEY with one pair of 16-bit numbers per sealed key. docs/wire-format.md is the contract.

>>> header_bytes(session=True), header_bytes(session=False)
(16, 12)
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
DATA_HEADER = Struct(">BHIB")  # head, epoch, number of the data frame, transmission
HEADER_TAG_BYTES = 4
PARAMETER = Struct(">H")  # of a REPORT, once per negotiated parameter
PAIR = Struct(">HH")  # of a KEY, once per sealed pair (p, s)
MAX_PAIRS = 128  # in a KEY
MAX_VALUES = 16  # negotiated parameters in a REPORT
BODIES = {
    "probe": Struct(">H"),  # number of pilots
    "report": Struct(">hH"),  # SNR in hundredths of a dB, epoch offered
    "confirm": Struct(">H"),  # epoch
    "key": Struct(">I"),  # number of the data frame
    "ack": Struct(">B"),  # kind of the acknowledged message
    "hello": Struct(f">Q{KEY_BYTES}s{TAG_BYTES}s"),  # time in ns or challenge, ephemeral public key, tag
    "accept": Struct(f">{KEY_BYTES}s{TAG_BYTES}s"),  # ephemeral public key, tag
    "nack": Struct(f">BB{TAG_BYTES}s"),  # transmission, reason, tag
    "challenge": Struct(f">Q{TAG_BYTES}s"),  # challenge, tag
}
CLEAR = ("hello", "accept", "nack", "challenge")


def header_bytes(session: bool) -> int:
    """Bytes of the header of a data frame, with its checksum, on a link with or without a session."""
    return DATA_HEADER.size + HEADER_TAG_BYTES * session + CRC_BYTES


def message_bytes(kind: str, parameters: int = 0, pairs: int = 0) -> int:
    """Bytes of a control frame of that kind, with head and checksum.

    kind        key of `BODIES`
    parameters  number of negotiated parameters, which a REPORT carries
    pairs       number of sealed keys (p, s), which a KEY carries
    """
    body = BODIES[kind].size + PARAMETER.size * parameters * (kind == "report") + PAIR.size * pairs * (kind == "key")
    sealing = 0 if kind in CLEAR else COUNTER_BYTES + TAG_BYTES
    return HEAD.size + SEQUENCE.size + sealing + body + CRC_BYTES
