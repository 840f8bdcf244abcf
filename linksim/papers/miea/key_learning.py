"""Sessions that Eve listens to for long: what earlier frames teach her of the keys, and what she then sees of later ones.

Frames are made here as a session makes them, from a book of shuffles, and received over AWGN. Earlier frames carry the faces of the cell over
and over, each time under keys and noise of their own; the later ones, on which she is scored, carry each pair once. Which image of a pair
is the first she cannot tell, and is scored by the better of the two orders.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.attacks.jigsaw import Assignment, beam_search
from linksim.attacks.key_recovery import Schemes, decode_key, known_plaintext, max_likelihood_key
from linksim.attacks.row_model import GaussMarkovRowModel, Rows, real_rows
from linksim.data.sources import load
from linksim.metrics import mse, psnr, ssim
from linksim.nets.codecs import Codec
from linksim.nets.inverters import Inverter
from linksim.nets.weights import load_model
from linksim.operations import match
from linksim.papers.miea.experiments import PAIR, Setup, codec, inverter
from linksim.reproduction.paper import Measurement, Tell
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams
from linksim.schemes.permutation_keys import PermutationKeyBatch, PermutationKeySource
from linksim.secrecy import KEY_BYTES, SessionKeys
from linksim.simulate.eve_factory import encoded, row_model
from linksim.training.order import to_images

K = TypeVar("K", NDArray[np.int64], NDArray[np.bool_])

MC = 10
SIZE = 256  # of either set, as in the paper's tables here
LATER = 1_000_000  # about the number of the first frame on which she is scored
MEMORY = 512  # orders, and subsets, that Eve tries at most: the newest


@dataclass(frozen=True, eq=False)
class SharedSetup:
    """What all sessions of a setup have in common: faces [n, c, h, w], their rows as sent [pairs, 2, rows, width], and the parts."""

    faces: Tensor
    sent: NDArray[np.float32]
    codec: Codec
    inverter: Inverter
    streams: Streams

    def model(self, captures: int) -> GaussMarkovRowModel:
        """What Eve learns of rows from so many open frames of training people, as she does in a running link."""
        return row_model(self.codec, "faces", captures, self.streams.key("eve/captured"), float(MC))


@cache
def shared_setup(setup: Setup) -> SharedSetup:
    """The lab of a setup. Raises LinksimError where parts or data are missing."""
    network, inverse = load_model(codec(MC), "codec").network, load_model(inverter(MC, "open"), "inverter").network
    assert isinstance(network, Codec)
    assert isinstance(inverse, Inverter)
    pixels, streams = load("faces", "test").images, Streams(setup.seed)
    sampler = streams("alice/link-0/album").permutation(len(pixels))  # the faces of all other cells
    faces = to_images(pixels[np.resize(sampler, setup.images)])
    with torch.inference_mode():
        symbols = torch.cat([encoded(network, MC, part) for part in torch.split(faces, 50)])
    sent = real_rows(symbols.reshape(-1, PAIR, network.channel_uses).numpy(), network.rows)
    return SharedSetup(faces, sent, network, inverse, streams)


@dataclass(frozen=True)
class Session:
    """A session under `keys`, "table" or "derived", that Eve hears at `ec` dB."""

    setup: Setup
    keys: str
    ec: int

    @property
    def noise(self) -> float:
        """Power in each real value."""
        return float(10 ** (-self.ec / 10) / 2)

    @property
    def layer_keys(self) -> PermutationKeySource:
        draw = shared_setup(self.setup).streams("intercepts/session")
        rows = shared_setup(self.setup).codec.rows
        return PermutationKeySource(SessionKeys(*(draw.bytes(KEY_BYTES) for _ in range(5))), 0, rows, SIZE, True, rows // 2)

    def scheme(self, layer_keys: PermutationKeySource, number: int) -> Schemes:
        """The order and the subset of frame `number`."""
        p, s = shared_setup(self.setup).streams("intercepts/chosen", number).integers(SIZE, size=2).tolist()
        found: PermutationKeyBatch = layer_keys.chosen(((p, s),)) if self.keys == "table" else layer_keys.derived(number, 1)
        return Schemes(found.order, found.swapped)

    def received(self, scheme: Schemes, number: int) -> Rows:
        """Rows of frame `number` as received [2, rows, width]."""
        rows = shared_setup(self.setup).sent[number % len(shared_setup(self.setup).sent)]
        frame = np.empty_like(rows).reshape(-1, rows.shape[-1])
        frame[scheme.line(0, 0)] = rows
        noise = shared_setup(self.setup).streams(f"intercepts/noise/{self.ec}", number).standard_normal(frame.shape, dtype=np.float32)
        received: Rows = (frame + np.float32(self.noise**0.5) * noise).reshape(rows.shape)
        return received


@cache
def solved(session: Session, captures: int, frames: int) -> tuple[Assignment, ...]:
    """How the jigsaw lays the first frames of a session."""
    layer_keys, model, lines = session.layer_keys, shared_setup(session.setup).model(captures), []
    for number in range(frames):
        received = session.received(session.scheme(layer_keys, number), number)
        lines.append(beam_search(model.scores(received.reshape(-1, received.shape[-1]), session.noise)))
    return tuple(lines)


@dataclass(frozen=True)
class Intercepts:
    """A cell: what Eve sees of later frames.

    eve       "sets": knows both sets of schemes; "known": knows the content of the earlier frames; "collects": lays them as a jigsaw,
              and keeps the orders and subsets that she meets twice, which no wrong ones are
    frames    earlier ones
    captures  open frames from which she has learnt what follows what
    """

    key: str
    session: Session
    eve: str
    frames: int
    captures: int

    @property
    def kind(self) -> str:
        return f"intercepts {self.eve}"

    @property
    def seed(self) -> int:
        return self.session.setup.seed

    @property
    def size(self) -> int:
        return self.session.setup.images

    def digest(self) -> str:
        parts = [weights_of(codec(MC)), weights_of(inverter(MC, "open"))]
        return hashlib.sha256(repr([1, self, parts]).encode()).hexdigest()[:16]

    def measure(self, tell: Tell) -> Measurement:
        here, layer_keys = shared_setup(self.session.setup), self.session.layer_keys
        known, model, laid_rows = self._known(layer_keys), here.model(self.captures), []
        orders, subsets = ({_word(x) for x in part} for part in (known.orders, known.subsets))
        has: dict[str, list[float]] = {"orders": [], "subsets": []}
        first = LATER - LATER % len(here.sent)
        for number in range(first, first + len(here.sent)):
            scheme = self.session.scheme(layer_keys, number)
            pool = self.session.received(scheme, number).reshape(-1, here.sent.shape[-1])
            scores = model.scores(pool, self.session.noise)
            line = known.line(*max_likelihood_key(scores, known))
            if self.eve == "collects":
                line = max(line, beam_search(scores), key=lambda way: float(scores.of(way).sum()))
            laid_rows.append(pool[line])
            has["orders"].append(_word(scheme.orders[0]) in orders or _word(scheme.orders[0][::-1]) in orders)
            has["subsets"].append(_word(scheme.subsets[0]) in subsets)
            tell(2 * len(laid_rows))
        return Measurement(self._scored(np.stack(laid_rows)) | {name: np.array(found, np.float64) for name, found in has.items()}, {})

    def _known(self, layer_keys: PermutationKeySource) -> Schemes:
        """The schemes that she tries; without any, the one that leaves a frame as it is."""
        session, rows = self.session, shared_setup(self.session.setup).codec.rows
        if self.eve == "sets":
            found = layer_keys.chosen(tuple((n, n) for n in range(SIZE)))
            return Schemes(found.order, found.swapped)
        if self.eve == "known":
            sent = shared_setup(session.setup).sent
            received = (session.received(session.scheme(layer_keys, n), n) for n in range(self.frames))
            lines = [line for n, frame in enumerate(received) if (line := known_plaintext(frame, sent[n % len(sent)])) is not None]
            least = 1
        else:
            lines, least = list(solved(session, self.captures, self.frames)), 2
        schemes = [decode_key(line) for line in lines]
        orders = [min(s.orders[0], s.orders[0][::-1], key=_word) if self.eve == "collects" else s.orders[0] for s in schemes]
        both = [s.subsets[0] for s in schemes] + [~s.subsets[0] for s in schemes if self.eve == "collects"]
        as_it_is = Schemes(np.tile(np.arange(rows), (1, 2, 1)), np.zeros((1, rows), np.bool_))
        return Schemes(np.stack([*as_it_is.orders, *_met(orders, least)]), np.stack([*as_it_is.subsets, *_met(both, least)]))

    def _scored(self, rows: Rows) -> dict[str, NDArray[np.float64]]:
        here = shared_setup(self.session.setup)
        symbols = torch.from_numpy(rows).reshape(len(here.faces), -1, 2)
        with torch.inference_mode():
            seen = torch.cat([here.inverter.invert(torch.view_as_complex(part)) for part in torch.split(symbols, 50)])
            pairs = (len(here.sent), PAIR, *seen.shape[1:])
            seen = match().run(seen.reshape(pairs), here.faces.reshape(pairs)).flatten(0, 1)
            error, likeness = mse(seen, here.faces), ssim(seen, here.faces)
        return {name: x.double().numpy() for name, x in (("psnr_db", psnr(error)), ("ssim", likeness), ("mse", error))}


def _word(keys: NDArray[np.int64] | NDArray[np.bool_]) -> bytes:
    return np.ascontiguousarray(keys, np.uint8).tobytes()


def _met(keys: list[K], least: int) -> list[K]:
    """The newest different ones of those met so often at least."""
    counts = Counter(map(_word, keys))
    newest = {word: key for key in reversed(keys) if counts[word := _word(key)] >= least}
    return list(islice(newest.values(), MEMORY))
