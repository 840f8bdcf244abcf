"""Long sessions in which Eve learns keys from earlier frames, and the images that she then reconstructs from later ones.

Frames are generated here as a session generates them, from the permutation keys of a session, and received over AWGN. Earlier frames carry
the faces of the experiment repeatedly, each time under new keys and noise. The later frames, on which Eve is scored, carry each pair once.
Eve cannot tell which image of a pair is the first, and is scored by the better of the two orders.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linksim.attacks.jigsaw import Assignment, beam_search
from linksim.attacks.key_recovery import KeySets, decode_key, known_plaintext, max_likelihood_key
from linksim.attacks.row_model import FeatureRows, GaussMarkovRowModel, real_rows
from linksim.data.sources import load
from linksim.metrics import mse, psnr, ssim
from linksim.nets.codecs import Codec
from linksim.nets.inverters import Inverter
from linksim.nets.weights import load_model
from linksim.operations import resolve_order
from linksim.papers.miea.experiments import PAIR, Setup, codec, inverter
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.simulated import weights_of
from linksim.rng import Streams
from linksim.schemes.permutation_keys import PermutationKeyBatch, PermutationKeySource
from linksim.secrecy import KEY_BYTES, SessionKeys
from linksim.simulate.eve_factory import encode_images, row_model
from linksim.training.order import to_images

K = TypeVar("K", NDArray[np.int64], NDArray[np.bool_])

MC = 10
SIZE = 256  # of each key set, as in the experiments of the paper's tables
FIRST_SCORED = 1_000_000  # the frames on which Eve is scored begin at about this number
MAX_TRIED = 512  # orders, and subsets, that Eve tries at most: the most recent ones


@dataclass(frozen=True, eq=False)
class SharedSetup:
    """What all sessions of a setup share.

    faces  float [n, c, h, w]
    sent   their rows as transmitted, float32 [pairs, 2, rows, width]
    """

    faces: Tensor
    sent: NDArray[np.float32]
    codec: Codec
    inverter: Inverter
    streams: Streams

    def model(self, captures: int) -> GaussMarkovRowModel:
        """The row model that Eve learns from `captures` open frames of training people, as she does in a running link."""
        return row_model(self.codec, "faces", captures, self.streams.key("eve/captured"), float(MC))


@cache
def shared_setup(setup: Setup) -> SharedSetup:
    """The shared state of a setup. Raises LinksimError where models or data are missing."""
    network, inverse = load_model(codec(MC), "codec").network, load_model(inverter(MC, "open"), "inverter").network
    assert isinstance(network, Codec)
    assert isinstance(inverse, Inverter)
    pixels, streams = load("faces", "test").images, Streams(setup.seed)
    order = streams("alice/link-0/album").permutation(len(pixels))  # gives the faces of all other experiments
    faces = to_images(pixels[np.resize(order, setup.images)])
    with torch.inference_mode():
        symbols = torch.cat([encode_images(network, MC, batch) for batch in torch.split(faces, 50)])
    sent = real_rows(symbols.reshape(-1, PAIR, network.channel_uses).numpy(), network.rows)
    return SharedSetup(faces, sent, network, inverse, streams)


@dataclass(frozen=True)
class EavesdroppedSession:
    """A session that Eve receives at `ec` dB.

    keys  "transmitted" or "derived", as the option of the permutation scheme
    """

    setup: Setup
    keys: str
    ec: int

    @property
    def noise(self) -> float:
        """Noise power per real value."""
        return float(10 ** (-self.ec / 10) / 2)

    @property
    def layer_keys(self) -> PermutationKeySource:
        """The session's source of permutation keys."""
        draw = shared_setup(self.setup).streams("intercepts/session")
        rows = shared_setup(self.setup).codec.rows
        return PermutationKeySource(SessionKeys(*(draw.bytes(KEY_BYTES) for _ in range(5))), 0, rows, SIZE, True, rows // 2)

    def scheme(self, layer_keys: PermutationKeySource, number: int) -> KeySets:
        """The order and the subset of frame `number`."""
        p, s = shared_setup(self.setup).streams("intercepts/chosen", number).integers(SIZE, size=2).tolist()
        found: PermutationKeyBatch = layer_keys.select(((p, s),)) if self.keys == "transmitted" else layer_keys.derive(number, 1)
        return KeySets(found.order, found.swapped)

    def received(self, scheme: KeySets, number: int) -> FeatureRows:
        """Rows of frame `number` as received [2, rows, width]."""
        rows = shared_setup(self.setup).sent[number % len(shared_setup(self.setup).sent)]
        frame = np.empty_like(rows).reshape(-1, rows.shape[-1])
        frame[scheme.assignment(0, 0)] = rows
        noise = shared_setup(self.setup).streams(f"intercepts/noise/{self.ec}", number).standard_normal(frame.shape, dtype=np.float32)
        received: FeatureRows = (frame + np.float32(self.noise**0.5) * noise).reshape(rows.shape)
        return received


@cache
def solved(session: EavesdroppedSession, captures: int, frames: int) -> tuple[Assignment, ...]:
    """The assignments that the jigsaw finds for the first frames of a session."""
    layer_keys, model, assignments = session.layer_keys, shared_setup(session.setup).model(captures), []
    for number in range(frames):
        received = session.received(session.scheme(layer_keys, number), number)
        assignments.append(beam_search(model.scores(received.reshape(-1, received.shape[-1]), session.noise)))
    return tuple(assignments)


@dataclass(frozen=True)
class KeyLearning:
    """Experiment: the images that Eve reconstructs from later frames.

    attack    "key-sets": she knows both key sets; "known-plaintext": she knows the content of the earlier frames; "ciphertext-only": she
              solves them as jigsaws and keeps the orders and subsets found at least twice, which wrong ones are not
    frames    number of earlier frames
    captures  number of open frames that trained her row model
    """

    key: str
    session: EavesdroppedSession
    attack: str
    frames: int
    captures: int

    @property
    def kind(self) -> str:
        return f"key learning {self.attack}"

    @property
    def seed(self) -> int:
        return self.session.setup.seed

    @property
    def size(self) -> int:
        return self.session.setup.images

    def digest(self) -> str:
        session, weights = self.session, [weights_of(codec(MC)), weights_of(inverter(MC, "open"))]
        determining = [1, self.size, self.seed, session.keys, session.ec, self.attack, self.frames, self.captures, weights]
        return hashlib.sha256(repr(determining).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        shared, layer_keys = shared_setup(self.session.setup), self.session.layer_keys
        known, model, reordered = self._known(layer_keys), shared.model(self.captures), []
        orders, subsets = ({_bytes(x) for x in keys} for keys in (known.orders, known.subsets))
        known_share: dict[str, list[float]] = {"orders": [], "subsets": []}
        first = FIRST_SCORED - FIRST_SCORED % len(shared.sent)
        for number in range(first, first + len(shared.sent)):
            scheme = self.session.scheme(layer_keys, number)
            pool = self.session.received(scheme, number).reshape(-1, shared.sent.shape[-1])
            scores = model.scores(pool, self.session.noise)
            assignment = known.assignment(*max_likelihood_key(scores, known))
            if self.attack == "ciphertext-only":
                assignment = max(assignment, beam_search(scores), key=lambda found: float(scores.log_likelihood(found).sum()))
            reordered.append(pool[assignment])
            known_share["orders"].append(_bytes(scheme.orders[0]) in orders or _bytes(scheme.orders[0][::-1]) in orders)
            known_share["subsets"].append(_bytes(scheme.subsets[0]) in subsets)
            on_progress(2 * len(reordered))
        shares = {name: np.array(found, np.float64) for name, found in known_share.items()}
        return Measurement(self._scores(np.stack(reordered)) | shares, {})

    def _known(self, layer_keys: PermutationKeySource) -> KeySets:
        """The keys that she tries. The first one leaves a frame unchanged."""
        session, rows = self.session, shared_setup(self.session.setup).codec.rows
        if self.attack == "key-sets":
            found = layer_keys.select(tuple((n, n) for n in range(SIZE)))
            return KeySets(found.order, found.swapped)
        ciphertext_only = self.attack == "ciphertext-only"
        if ciphertext_only:
            assignments, least = list(solved(session, self.captures, self.frames)), 2
        else:
            sent = shared_setup(session.setup).sent
            received = (session.received(session.scheme(layer_keys, n), n) for n in range(self.frames))
            recovered = (known_plaintext(frame, sent[n % len(sent)]) for n, frame in enumerate(received))
            assignments, least = [assignment for assignment in recovered if assignment is not None], 1
        keys = [decode_key(assignment) for assignment in assignments]
        orders = [min(k.orders[0], k.orders[0][::-1], key=_bytes) if ciphertext_only else k.orders[0] for k in keys]
        subsets = [k.subsets[0] for k in keys] + [~k.subsets[0] for k in keys if ciphertext_only]
        unchanged = KeySets(np.tile(np.arange(rows), (1, 2, 1)), np.zeros((1, rows), np.bool_))
        return KeySets(np.stack([*unchanged.orders, *_frequent(orders, least)]), np.stack([*unchanged.subsets, *_frequent(subsets, least)]))

    def _scores(self, rows: FeatureRows) -> dict[str, NDArray[np.float64]]:
        shared = shared_setup(self.session.setup)
        symbols = torch.from_numpy(rows).reshape(len(shared.faces), -1, 2)
        with torch.inference_mode():
            found = torch.cat([shared.inverter.invert(torch.view_as_complex(batch)) for batch in torch.split(symbols, 50)])
            pairs = (len(shared.sent), PAIR, *found.shape[1:])
            ordered: Any = resolve_order().run({"images": found.reshape(pairs)}, shared.faces.reshape(pairs))
            found = ordered["images"].flatten(0, 1)
            error, similarity = mse(found, shared.faces), ssim(found, shared.faces)
        return {name: x.double().numpy() for name, x in (("psnr_db", psnr(error)), ("ssim", similarity), ("mse", error))}


def _bytes(keys: NDArray[np.int64] | NDArray[np.bool_]) -> bytes:
    return np.ascontiguousarray(keys, np.uint8).tobytes()


def _frequent(keys: list[K], least: int) -> list[K]:
    """The most recent different keys among those that occur at least `least` times."""
    counts = Counter(map(_bytes, keys))
    recent = {name: key for key in reversed(keys) if counts[name := _bytes(key)] >= least}
    return list(islice(recent.values(), MAX_TRIED))
