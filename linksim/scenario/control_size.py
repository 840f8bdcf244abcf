"""Number of channel uses of a control message, for the estimate of a run and for the transmitter.

A coded message is split into as few blocks as possible, of nearly equal size, and each block is encoded with the shortest code that holds
it. The codes have rate 1/2. The unused part of a block's information bits is known to be zero and not sent; all parity bits are sent.

The codes are the LDPC codes of IEEE 802.11n; docs/wire-format.md specifies the rest. The transmitter (`linksim.phy.control_code`) takes the
division into blocks from here, so that the estimate agrees with what is sent.
"""

from functools import lru_cache

from linksim.scenario.nodes import Radio

CODES = (648, 1296, 1944)  # bits of a codeword


@lru_cache(maxsize=1024)
def blocks(size: int) -> tuple[tuple[int, int], ...]:
    """(bits of a codeword, bytes of the message) for each block of a message of `size` bytes.

    >>> blocks(33), blocks(200)
    (((648, 33),), ((1944, 100), (1944, 100)))
    """
    largest = CODES[-1] // 16
    count = max(1, -(-size // largest))
    sizes = [size // count + (number < size % count) for number in range(count)]
    return tuple((next(n for n in CODES if 16 * part <= n), part) for part in sizes)


@lru_cache(maxsize=1024)
def coded_bits(size: int) -> int:
    """Bits on the air of a coded message of `size` bytes, sent once: information and parity bits. The number is even, as QPSK needs.

    >>> coded_bits(33)  # 264 bits of the message and 324 parity bits
    588
    """
    return sum(8 * part + n // 2 for n, part in blocks(size))


def header_channel_uses(radio: Radio, size: int) -> int:
    """Channel uses of the header of a data frame of `size` bytes, all its copies together.

    >>> header_channel_uses(Radio(header_repeats=2), 16)
    452
    """
    return radio.header_repeats * _symbols(radio, size)


def control_channel_uses(radio: Radio, size: int) -> int:
    """Channel uses of a message of `size` bytes, all its copies together and without pilots.

    radio  coding and number of copies: QPSK carries two bits per channel use, uncoded BPSK one

    >>> control_channel_uses(Radio(control_repeats=2), size=33)
    588
    >>> control_channel_uses(Radio(control_coding="none", control_repeats=16), size=33)
    4224
    """
    return radio.control_repeats * _symbols(radio, size)


def _symbols(radio: Radio, size: int) -> int:
    """Symbols of one copy of `size` bytes: BPSK without a code, or QPSK with it."""
    return 8 * size if radio.control_coding == "none" else coded_bits(size) // 2
