"""Key learning: Eve remembers the permutation keys of earlier frames and tries them on later ones.

    earlier frames   known plaintext: [compare received rows with encoded rows] --> key
                     ciphertext only: [solve as a jigsaw] --> key, if it is found in two frames
                                                               |
                                                          [memory of keys]
                                                               |
    later frames     received rows --> [most likely key of the memory] --> rows in order --> [invert the encoder] --> images

`schemes.permutation` describes the keys: an order of the rows of each image of a pair, and a subset of rows that are exchanged. Orders
and subsets are remembered separately, because a scheme with transmitted keys draws them independently from two sets. Keys that are derived
for every frame never repeat, so they are of no use for later frames. Eve cannot tell which image of a pair is the first.
"""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.attacks.attack import Attack
from linksim.attacks.jigsaw import Assignment, beam_search
from linksim.attacks.key_recovery import KeySets, decode_key, known_plaintext, max_likelihood_key
from linksim.attacks.model_inversion import noise_after_equalisation
from linksim.attacks.row_model import FeatureRows, GaussMarkovRowModel, real_rows
from linksim.frames import OverheardMessage, ReceivedFrame
from linksim.phy.baseband import ReceivedSymbols, equalise
from linksim.worker import Operation, Promise, Worker

Knowledge = Literal["known-plaintext", "ciphertext-only", "key-sets"]


class KeyMemory:
    """The keys that Eve has found, the most recent ones first.

    rows       number of rows of an image
    size       largest number of orders, and of subsets, that she tries
    min_count  number of frames in which an order or a subset must be found before she tries it; wrong ones are rarely found twice
    unordered  True if it is unknown which image of a pair is the first: an order and its reverse, a subset and its complement, are the same

    >>> memory = KeyMemory(rows=3, size=8)
    >>> memory.add(np.array([[1, 2, 3], [0, 4, 5]]))
    >>> memory.keys().subsets.tolist()
    [[False, False, False], [True, False, False]]
    """

    def __init__(self, rows: int, size: int, min_count: int = 1, unordered: bool = False) -> None:
        self._rows, self._size, self._min_count, self._unordered = rows, size, min_count, unordered
        self._orders: OrderedDict[bytes, int] = OrderedDict()  # number of frames by order, the most recent one last
        self._subsets: OrderedDict[bytes, int] = OrderedDict()
        self._keys: KeySets | None = None

    def add(self, assignment: Assignment) -> None:
        """Remember the key of a frame, given as the places of both images' rows, int64 [2, rows]."""
        key = decode_key(assignment)
        order, subset = key.orders[0], key.subsets[0]
        orders, subsets = [order.astype(np.uint16).tobytes()], [subset.tobytes()]
        if self._unordered:
            orders = [min(orders[0], order[::-1].astype(np.uint16).tobytes())]
            subsets.append((~subset).tobytes())
        for found, counts in ((orders, self._orders), (subsets, self._subsets)):
            for each in found:
                counts[each] = counts.pop(each, 0) + 1
        self._keys = None

    def keys(self) -> KeySets:
        """Return the keys that she tries: up to `size` orders and subsets each, found in at least `min_count` frames.

        The first order and the first subset, which come in addition, leave a frame unchanged.
        """
        if self._keys is None:
            orders = [np.frombuffer(each, np.uint16).reshape(2, -1).astype(np.int64) for each in self._frequent(self._orders)]
            subsets = [np.frombuffer(each, np.bool_) for each in self._frequent(self._subsets)]
            unchanged = np.tile(np.arange(self._rows), (2, 1))
            self._keys = KeySets(np.stack([unchanged, *orders]), np.stack([np.zeros(self._rows, np.bool_), *subsets]))
        return self._keys

    def _frequent(self, counts: OrderedDict[bytes, int]) -> list[bytes]:
        """Return the `size` most recent keys that occurred at least `min_count` times, the most recent one first."""
        return list(islice((key for key in reversed(counts) if counts[key] >= self._min_count), self._size))


@dataclass(frozen=True, eq=False)
class KeyLearningTools:
    """What Eve uses besides her memory.

    model   statistics of the rows of unprotected frames
    encode  operation `operations.eve_encode`: images -> the symbols that Alice sends for them without a key
    decode  operation `operations.eve_decode`: symbols in order, gain, noise power -> reconstruction
    """

    model: GaussMarkovRowModel
    encode: Operation
    decode: Operation


class KeyLearning(Attack):
    """Eve's attack by key learning on a link whose frames hold permuted pairs.

    worker               worker that runs Eve's networks
    tools                row model and operations of the link's codec
    knowledge            "known-plaintext": the images of the first frames are granted to her; "ciphertext-only": she solves frames as
                         jigsaws and learns from the first frames; "key-sets": both key sets of a session are granted to her
    num_learning_frames  number of first frames of the link from which she learns; unused with "key-sets"
    memory_size          largest number of orders, and of subsets, that she tries

    In "known-plaintext", the frames whose images she knows are not reconstructed.
    """

    ambiguous_order = True

    def __init__(self, worker: Worker, tools: KeyLearningTools, knowledge: Knowledge, num_learning_frames: int, memory_size: int) -> None:
        self._worker, self._tools, self._learning = worker, tools, num_learning_frames
        self.num_plaintext_frames = num_learning_frames if knowledge == "known-plaintext" else 0
        self.knows_key_sets = knowledge == "key-sets"
        self._jigsaw = knowledge == "ciphertext-only"
        self._memory = KeyMemory(tools.model.rows, memory_size, 2 if self._jigsaw else 1, unordered=self._jigsaw)
        self._granted: KeySets | None = None
        self._plaintext: dict[int, Promise] = {}

    def keys(self) -> KeySets:
        """Return the keys that she tries: those of her memory, or the granted key sets."""
        return self._memory.keys() if self._granted is None else self._granted

    def observe_plaintext(self, frame: int, images: Promise) -> None:
        """Keep the images of a frame until it is received."""
        self._plaintext[frame] = images

    def observe_key_sets(self, sets: KeySets) -> None:
        """Replace the granted key sets by those of a new session."""
        self._granted = sets

    def observe(self, copy: ReceivedFrame | OverheardMessage) -> None:
        """Learn the keys of a frame whose images are known."""
        if not isinstance(copy, ReceivedFrame) or copy.frame.attempt or copy.frame.number not in self._plaintext:
            return
        images = self._plaintext.pop(copy.frame.number)
        encoded: Tensor = self._worker.value(self._worker.promise(self._tools.encode, images))
        pairs, _ = self._rows_of(copy)
        for pair, sent in zip(pairs, self._as_rows(encoded), strict=True):
            found = known_plaintext(pair, sent)
            if found is not None:
                self._memory.add(found)

    def reconstruct(self, copy: ReceivedFrame) -> Promise | None:
        """Return the promise of a frame's images, decoded from its rows in the order of the most likely key.

        With "ciphertext-only", the jigsaw's order is taken instead if it is more likely than that of every remembered key. Returns None for
        a frame whose images were granted to her.
        """
        number = copy.frame.number
        if number < self.num_plaintext_frames:
            return None
        pairs, noise = self._rows_of(copy)
        ordered = np.stack([self._in_order(pair, level, number) for pair, level in zip(pairs, noise, strict=True)])
        symbols = ordered.reshape(len(pairs), -1).view(np.complex64)
        gain, noise_power = np.ones((len(pairs), 1), np.complex64), (2.0 * noise).astype(np.float32)
        return self._worker.promise(self._tools.decode, symbols, gain, noise_power)

    def _in_order(self, pair: FeatureRows, noise: float, number: int) -> FeatureRows:
        """Return the rows of a pair in the most likely order, float [2, rows, width]; learn from it if it was found as a jigsaw."""
        pool, known = pair.reshape(-1, pair.shape[-1]), self.keys()
        scores = self._tools.model.scores(pool, noise)
        assignment = known.assignment(*max_likelihood_key(scores, known))
        if self._jigsaw:
            solved = beam_search(scores)
            assignment = max(assignment, solved, key=lambda found: float(scores.log_likelihood(found).sum()))
            if number < self._learning:
                self._memory.add(solved)
        return pool[assignment]

    def _rows_of(self, copy: ReceivedFrame) -> tuple[FeatureRows, NDArray[np.float64]]:
        """Return the equalised rows of a frame's pairs, float [items, 2, rows, width], and the noise power per real value [items]."""
        symbols: Tensor = self._worker.value(copy.received)
        gain, noise_power = (torch.from_numpy(array.copy()).to(symbols.device) for array in (copy.gain, copy.noise_power))
        received = ReceivedSymbols(symbols, gain, noise_power, copy.equaliser)
        return self._as_rows(equalise(received)), noise_after_equalisation(received).double().cpu().numpy() / 2.0

    def _as_rows(self, symbols: Tensor) -> FeatureRows:
        """Return the symbols of pairs, complex [items, channel_uses], as rows of both images, float [items, 2, rows, width]."""
        return real_rows(symbols.cpu().numpy().reshape(len(symbols), 2, -1), self._tools.model.rows)
