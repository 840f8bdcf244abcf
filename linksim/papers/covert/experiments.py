"""The conditions of Tang et al. Sec. V as experiments: an undefended and a covert link, two channels, five SNRs, and the attackers.

Each experiment is a scenario of one link on which Bob and Eve have the same SNR. Alice sends pairs of faces, of which the first is the host
and the second the private one; on the undefended link both are sent as they are. All experiments have the same pairs in the same order.

Searches of Eve take up to a thousand times as long as her networks, so they have fewer images. These are the first ones of the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linksim.enums import Node
from linksim.errors import LinksimError
from linksim.papers.covert.attacks import ATTACKS, SUPPLEMENTARY, TABLE_ONE, TV_WEIGHTS
from linksim.reproduction.paper import Measurement, ProgressCallback
from linksim.reproduction.results import Samples
from linksim.reproduction.simulated import ScoreCollector, Simulated
from linksim.scenario.load import scenario_from_text
from linksim.scenario.strict_yaml import dump_yaml
from linksim.simulate.run import run

SNRS_DB = (0, 5, 10, 15, 20)
FPESR_DB, COVERT_DB = 5, 20  # SNR of Fig. 6, and of Table I
SEARCHED_DB = (0, 5, 20)  # SNRs at which Eve's searches are measured on the undefended link
SUSPECTED_DB = (5, 20)  # SNRs at which Eve suspects a hidden image, and of Bob's images of links with keys, all on AWGN
CODEC, UNDEFENDED, FADING = "covert-codec", "undefended", "undefended-fading"  # a trained model; first parts of the keys of links
PLAIN_LINKS = {UNDEFENDED: "no hidden image", FADING: "no hidden image, codec trained on Rayleigh fading"}  # in tables and figures
CODECS = {UNDEFENDED: CODEC, FADING: "covert-codec-rayleigh"}  # of the links without a hidden image; the others have `CODEC`
PAIR = 2  # images per frame: host and private
LIKENESS = ("psnr_db", "ms_ssim", "lpips")
PERSON = "same_person"  # its mean is the FPESR, the facial privacy eavesdropping success rate
METRICS = {"ms_ssim": "ms-ssim", "lpips": "lpips", PERSON: "same-person"}  # metric of the scenario by column of the table `scores`
View = tuple[Node, int, int]  # receiver, first image, and distance between images
HOST_AND_PRIVATE = {"host:": 0, "private:": 1}  # place of the image in its pair
CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "awgn": {},
    "rayleigh": {"fading": {"kind": "rayleigh", "coherence_ms": 1e-3}, "equaliser": "mmse"},  # every symbol has a gain of its own
}
CHANNEL_NAMES = {"awgn": "AWGN", "rayleigh": "Rayleigh"}


@dataclass(frozen=True)
class Hiding:
    """A hider under comparison, and the options of the layer around it.

    name      in tables
    model     trained model
    energies  of the private components: "fitted", "natural" or "shared", as in `scenario.layers.CovertOptions`
    keyed     whether a key of each pair permutes the private components
    """

    name: str
    model: str
    energies: str = "fitted"
    keyed: bool = False

    @property
    def layer(self) -> dict[str, str]:
        """The layer in a scenario."""
        energies = {"energies": self.energies} if self.energies != "fitted" else {}
        return {"name": "covert", "hider": self.model, **energies, **({"keys": "derived"} if self.keyed else {})}


HIDERS: Mapping[str, Hiding] = {
    "paper": Hiding("the paper's network", "covert-hider-paper"),
    "paper-all": Hiding("the paper's network, trained on all faces", "covert-hider-all"),
    "paper-3": Hiding("the paper's network, host signal weighted 3", "covert-hider-paper-3"),
    "swap": Hiding("linear swap, not trained", "covert-swap"),
    "swap-keyed": Hiding("linear swap, keys", "covert-swap", keyed=True),
    "natural": Hiding("linear swap, natural energies", "covert-swap", "natural"),
    "natural-keyed": Hiding("linear swap, natural energies, keys", "covert-swap", "natural", keyed=True),
    "time-sharing": Hiding("time-sharing", "covert-swap", "shared"),
}
# Hiders whose containers Eve decodes. Her other attacks are on those of the first.
ATTACKED = ("paper", "paper-all", "swap", "swap-keyed", "natural", "natural-keyed", "time-sharing")


@dataclass(frozen=True)
class Setup:
    """What a user may choose.

    images  sent undefended at the SNR of Fig. 6, an even number; the other experiments send a fixed part or multiple of it
    seed    of all experiments
    """

    images: int = 200
    seed: int = 1

    def __post_init__(self) -> None:
        if self.images < PAIR or self.images % PAIR:
            raise LinksimError(f"images are sent in pairs: got {self.images} images, allowed: an even number from {PAIR} on")

    def pairs(self, link: str, snr_db: int, attack: str) -> int:
        """Return the number of pairs that an experiment sends."""
        if attack in ATTACKS and ATTACKS[attack].searches:
            return min(self.images // PAIR, SEARCHED_PAIRS if link in HIDERS and attack in TABLE_ONE else FEW_PAIRS)
        if attack == "decoder" and link in HIDERS:
            return self.images
        whole = attack != NO_ATTACK if link in HIDERS else snr_db == FPESR_DB
        return self.images // PAIR if whole else max(1, self.images // (2 * PAIR))


NO_ATTACK = "bob"  # in a key: an experiment without Eve
SEARCHED_PAIRS = 80  # that the paper's searches attack for Table I: with 80, no recognised person gives an upper bound below 0.05
FEW_PAIRS = 8  # that any other experiment with a search has: 16 undefended images, or 8 containers


def key(link: str, channel: str, snr_db: int, attack: str) -> str:
    """Return the key of an experiment.

    >>> key("paper", "awgn", 20, "glass"), key("undefended", "rayleigh", 5, "closed")
    ('paper/awgn/snr20/glass', 'undefended/rayleigh/snr5/closed')
    """
    return f"{link}/{channel}/snr{snr_db}/{attack}"


def bob(link: str, channel: str, snr_db: int) -> str:
    """Return the key of the experiment that scores Bob.

    Where Eve's use of his decoder is measured as well, it is one experiment.
    """
    return key(link, channel, snr_db, "decoder" if link in ATTACKED and (channel, snr_db) == ("awgn", COVERT_DB) else NO_ATTACK)


def bob_places(link: str) -> list[tuple[str, int]]:
    """Return the channels and the SNRs in dB at which Bob's images of a link are measured."""
    keyed = link in HIDERS and HIDERS[link].keyed
    return [(channel, snr) for channel in CHANNELS for snr in SNRS_DB if not keyed or (channel == "awgn" and snr in SUSPECTED_DB)]


def eve(channel: str, snr_db: int, attack: str) -> str:
    """Return the key of the experiment that scores an attack on the undefended link. With Bob's decoder, Eve's image is one of Bob's."""
    return key(UNDEFENDED, channel, snr_db, NO_ATTACK if attack == "decoder" else attack)


@dataclass(frozen=True, kw_only=True)
class LinkExperiment:
    """One condition, measured by the simulator. Its metrics have the prefix of a view: "bob-host:psnr_db" is Bob's PSNR of the hosts.

    On the undefended link a view without a prefix has all images of the receiver that is scored.

    key, kind  as in `reproduction.paper.Experiment`
    options    the scenario: one link
    models     trained models that the scenario uses
    views      whose reconstructions of which images are scored, by prefix
    metrics    scores of each view
    """

    key: str
    kind: str
    options: Mapping[str, Any]
    models: tuple[str, ...]
    views: Mapping[str, View]
    metrics: tuple[str, ...]

    @property
    def seed(self) -> int:
        return int(self.options["seed"])

    @property
    def size(self) -> int:
        return int(self.options["frames"]) * PAIR

    def digest(self) -> str:
        """Return the digest of the scenario and of the weights of its models."""
        names = tuple(f"{view}{metric}" for view in self.views for metric in self.metrics)
        receiver, *_ = next(iter(self.views.values()))
        run = Simulated(key=self.key, kind=self.kind, options=self.options, receiver=receiver, models=self.models, metrics=names)
        return run.digest()

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        """Run the scenario. Raises LinksimError where models or data are missing, an option is invalid, or not all images were received."""
        collectors = {receiver: ScoreCollector(receiver, on_progress) for receiver, *_ in self.views.values()}
        result = run(scenario_from_text(dump_yaml(dict(self.options)), f"scenario of {self.key}"), tuple(collectors.values()))
        for receiver, collector in collectors.items():
            if len(collector.scores) != self.size:
                lost = f"{receiver.word} received {len(collector.scores)} of {self.size} images"
                raise LinksimError("; ".join([lost, *result.warnings]))
        samples: dict[str, Samples] = {}
        for view, (receiver, first, distance) in self.views.items():
            values = collectors[receiver].samples(self.metrics)
            samples |= {f"{view}{metric}": values[metric][first::distance] for metric in self.metrics}
        return Measurement(samples, {})


def experiment(setup: Setup, link: str, channel: str, snr_db: int, attack: str) -> LinkExperiment:
    """Return the experiment of a condition.

    link    a key of `CODECS` or of `HIDERS`
    attack  a key of `ATTACKS`, or `NO_ATTACK`
    """
    path = {"snr": {"kind": "constant", "mean_db": snr_db}, **CHANNELS[channel]}
    hidden, block, codec = link in HIDERS, ATTACKS.get(attack), CODECS.get(link, CODEC)
    metrics = (*LIKENESS, PERSON) if (attack != NO_ATTACK if hidden else (link, snr_db) == (UNDEFENDED, FPESR_DB)) else LIKENESS
    hider = (HIDERS[link].layer,) if hidden else ()
    options: dict[str, Any] = {
        "name": "experiment",
        "seed": setup.seed,
        "frames": setup.pairs(link, snr_db, attack),
        "dataset": "faces",
        "classifier": None,
        "metrics": [METRICS[metric] for metric in metrics if metric in METRICS],
        "compute": {"precision": "float32"},
        "trace": {"images": 0, "channel_samples": 0, "constellation_frames": 0},
        "scheme": [*hider, {"name": "deepjscc", "codec": codec}],
        "channel": {"bob": path, "eve": path},
        "alice": {"images_per_frame": PAIR},
        "eve": dict(block.options) | ({"tv_weight": TV_WEIGHTS[snr_db]} if attack == "glass-tv" else {}) if block else "none",
        "session": {"probe_interval_ms": 0},
    }
    models = (codec, *((HIDERS[link].model,) if hidden else ()), *(block.models if block else ()))
    return LinkExperiment(
        key=key(link, channel, snr_db, attack),
        kind=f"{'covert' if hidden else UNDEFENDED} {attack} {options['frames']}",
        options=options,
        models=models,
        views=views_of(link, attack),
        metrics=metrics,
    )


def views_of(link: str, attack: str) -> dict[str, View]:
    """Return the views of an experiment.

    >>> sorted(views_of("paper", "closed")), sorted(views_of("undefended", "closed"))
    (['eve-host:', 'eve-private:'], [''])
    """
    receivers = ((Node.BOB,) if attack in (NO_ATTACK, "decoder") else ()) + ((Node.EVE,) if attack != NO_ATTACK else ())
    views = {f"{node.word}-{role}": (node, place, PAIR) for node in receivers for role, place in HOST_AND_PRIVATE.items()}
    if link in HIDERS:
        return views
    whole: dict[str, View] = {"": (receivers[0], 0, 1)}
    return whole | views if attack == NO_ATTACK else whole


def paper_experiments(setup: Setup) -> list[LinkExperiment]:
    """Return the experiments behind the figures, the tables and the claims: Bob first, then Eve's networks, then her searches."""
    conditions = [(link, *place, bob(link, *place).split("/")[-1]) for link in (*CODECS, *HIDERS) for place in bob_places(link)]
    attacks = {name: attack for name, attack in ATTACKS.items() if name != "decoder"}
    for name, attack in sorted(attacks.items(), key=lambda item: item[1].searches):
        snrs_db = (FPESR_DB,) if name in SUPPLEMENTARY else SEARCHED_DB if attack.searches else SNRS_DB
        conditions += [(UNDEFENDED, channel, snr_db, name) for channel, snr_db in bob_places(UNDEFENDED) if snr_db in snrs_db]
        conditions.append((ATTACKED[0], "awgn", COVERT_DB, name))
    return [experiment(setup, *condition) for condition in dict.fromkeys(conditions)]
