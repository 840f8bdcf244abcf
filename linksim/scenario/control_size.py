"""Number of channel uses of a control message, for the estimate of a run and for the transmitter.

A coded message is split into as few blocks as possible, of nearly equal size, and each block is encoded with the shortest code that holds
it. The codes have rate 1/2. The unused part of a block's information bits is known to be zero and not sent; all parity bits are sent.
"""

from functools import lru_cache

from linksim.scenario.nodes import Radio

CODES = (648, 1296, 1944)  # bits of a codeword


@lru_cache(maxsize=1024)
def blocks(size: int) -> tuple[tuple[int, int], ...]:
    """Bits of the code and bytes of the message, for each block of a message of `size` bytes."""
    largest = CODES[-1] // 16
    count = max(1, -(-size // largest))
    sizes = [size // count + (number < size % count) for number in range(count)]
    return tuple((next(n for n in CODES if 16 * part <= n), part) for part in sizes)


def coded_bits(size: int) -> int:
    """Bits on the air of a coded message of `size` bytes, sent once; even."""
    return sum(8 * part + n // 2 for n, part in blocks(size))


def control_channel_uses(radio: Radio, size: int) -> int:
    """Channel uses of a message of `size` bytes, all its copies together and without pilots."""
    return radio.control_repeats * (8 * size if radio.control_coding == "none" else coded_bits(size) // 2)
