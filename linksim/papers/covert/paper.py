"""Covert communication compared with the paper's Figs. 4 to 8 and Table I: experiments, tables, verdicts and figures."""

from collections.abc import Callable, Sequence
from functools import partial

from linksim.papers.covert import detection, figures, reveal, reveal_network
from linksim.papers.covert.attacks import ATTACKS, PAPERS_ATTACKS, TABLE_ONE
from linksim.papers.covert.claim_checks import CHANCE, RULES, share
from linksim.papers.covert.experiments import (
    ATTACKED,
    CHANNEL_NAMES,
    CHANNELS,
    COVERT_DB,
    FPESR_DB,
    HIDERS,
    LIKENESS,
    PERSON,
    PLAIN_LINKS,
    SNRS_DB,
    SUSPECTED_DB,
    UNDEFENDED,
    Setup,
    bob,
    bob_places,
    eve,
    key,
    paper_experiments,
)
from linksim.papers.covert.generator_figure import prior_samples
from linksim.papers.covert.unrelated import UnrelatedFaces
from linksim.reproduction.claims import read_claims
from linksim.reproduction.library import kept_images
from linksim.reproduction.paper import Experiment, Figures
from linksim.reproduction.results import ResultStore
from linksim.reproduction.rules import verdict_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.reproduction.verdicts import ClaimVerdict

CLAIMS = read_claims()["covert"]
LIKENESS_TEXT = "PSNR in dB / MS-SSIM / LPIPS"
PAPERS_TABLE = {  # Table I: PSNR, MS-SSIM and LPIPS of the host, of the private image
    "decoder": ((32.85, 0.9856, 0.1638), (9.07, 0.3269, 0.6594)),
    "glass": ((15.87, 0.6992, 0.7311), (9.08, 0.2277, 0.7973)),
    "closed": ((27.50, 0.9595, 0.4129), (9.05, 0.3328, 0.6940)),
    "genai-glass": ((24.16, 0.8988, 0.4051), (9.34, 0.3353, 0.6881)),
    "genai-closed": ((24.60, 0.9075, 0.5053), (9.18, 0.3227, 0.6878)),
}
PAPERS_FPESR = {"glass": 0.8, "closed": 1.0, "genai-glass": 1.0, "genai-closed": 1.0}  # Fig. 6, read off
FIG, COLUMNS = {"awgn": (4, 7), "rayleigh": (5, 8)}, tuple(f"{snr_db} dB" for snr_db in SNRS_DB)


class CovertCommunication:
    """The paper under one setup; it implements `linksim.reproduction.paper.Paper`."""

    claims = CLAIMS

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def notes(self) -> Sequence[str]:
        setup, pairs = self._setup, self._setup.pairs
        return (
            f"Faces of test people (LFW view 2, 128 x 128, none of them in the training data), sent once, in pairs of host and private; "
            f"seed {setup.seed}. The paper has CelebAMask-HQ.",
            f"Undefended link: {2 * pairs(UNDEFENDED, FPESR_DB, 'closed')} images at {FPESR_DB} dB, "
            f"{2 * pairs(UNDEFENDED, 0, 'closed')} at other SNRs. Covert link: {pairs('paper', 0, 'bob')} pairs; in Table I "
            f"{pairs('paper', COVERT_DB, 'decoder')} with Bob's decoder, {pairs('paper', COVERT_DB, 'closed')} with Eve's networks.",
            f"Eve's searches: the first {2 * pairs(UNDEFENDED, 0, 'glass')} images; in Table I "
            f"{pairs('paper', COVERT_DB, 'glass')} pairs, or {pairs('paper', COVERT_DB, 'glass-tv')} with a prior that the paper does not "
            "have.",
            "Bob and Eve have the same SNR. Rayleigh: every symbol has a gain of its own, which the receiver knows and equalises with "
            "least mean squared error.",
            f"Detection: plain signals and as many containers of other test people, {5 * setup.images // 2} each. The energy detector is "
            f"fitted to {detection.PLAIN_IMAGES:,} plain training images and has seen no container; the others are trained on labelled "
            "frames, half of them containers of the same hider.",
            f"Chosen pairs: {pairs('paper', 0, 'bob')} pairs under attack; Eve receives her pairs at the same SNR.",
            "PSNR, MS-SSIM (four scales) and LPIPS (AlexNet) are means over images.",
            "FPESR is the share of images in which a face recogniser (MobileNet, trained on VGGFace2) sees the person of the original; the "
            "paper has ArcFace.",
            "95 % intervals take images as independent: mean +- 1.96 s / sqrt(n). The remarks have Wilson's for FPESR. In brackets: "
            "the paper's.",
        )

    def experiments(self) -> list[Experiment]:
        setup = self._setup
        suspecting: list[Experiment] = [*reveal.reveal_experiments(setup), *detection.detection_experiments(setup)]
        return [UnrelatedFaces(setup), *paper_experiments(setup), *suspecting, *reveal_network.network_experiments(setup)]

    def tables(self) -> list[Table]:
        return [
            *(eavesdropped(channel) for channel in CHANNELS),
            recognised(),
            *(table_one(view) for view in ("host", "private")),
            *(detected(snr_db) for snr_db in SUSPECTED_DB),
            *(revealed(snr_db) for snr_db in SUSPECTED_DB),
            *(network_revealed(snr_db) for snr_db in SUSPECTED_DB),
            *(received(channel, view) for channel in CHANNELS for view in ("host", "private")),
        ]

    def verdicts(self, results: ResultStore) -> list[ClaimVerdict]:
        return [verdict_of(claim, RULES[claim.id], results) for claim in CLAIMS.claims]

    def figures(self, results: ResultStore) -> Figures:
        return figures.all_figures(results) + prior_samples(results)


def make(results: ResultStore, images: int | None = None) -> CovertCommunication:
    """Factory of the paper `covert`. `images` is the number of images per experiment; None for that of the kept results."""
    images = images or kept_images(results, ("baseline",))
    return CovertCommunication(Setup(images) if images else Setup())


def eavesdropped(channel: str) -> Table:
    """Return Figs. 4 and 5 as a table: rows attacks, columns SNRs, on the undefended link."""
    rows = tuple(Row(found.name, tuple(Entry(eve(channel, snr_db, attack)) for snr_db in SNRS_DB)) for attack, found in ATTACKS.items())
    number = FIG[channel][0]
    return Table(f"fig{number}", f"Fig. {number}. Eve, undefended, {CHANNEL_NAMES[channel]}: {LIKENESS_TEXT}", COLUMNS, rows, LIKENESS)


def recognised() -> Table:
    """Return Fig. 6 as a table: FPESR of the attacks on the undefended link."""
    rows = tuple(
        Row(
            found.name,
            tuple(
                Entry(eve(channel, FPESR_DB, attack), (PAPERS_FPESR[attack],) if attack in PAPERS_ATTACKS else ()) for channel in CHANNELS
            ),
        )
        for attack, found in ATTACKS.items()
    )
    remarks = tuple(partial(_shares, channel=channel) for channel in CHANNELS)
    title = f"Fig. 6. FPESR, undefended, {FPESR_DB} dB: ours (the paper's)"
    return Table("fig6", title, tuple(CHANNEL_NAMES.values()), rows, (PERSON,), remarks)


def _shares(results: ResultStore, channel: str) -> str:
    """Return the FPESR of all attacks that are measured, with Wilson's interval, as one sentence."""
    keys = {found.name: eve(channel, FPESR_DB, attack) for attack, found in ATTACKS.items()}
    return _sentence(f"{CHANNEL_NAMES[channel]}, Wilson's intervals", keys, PERSON, results)


def _sentence(start: str, keys: dict[str, str], metric: str, results: ResultStore) -> str:
    texts = []
    for name, found in keys.items():
        if found in results:
            interval = share(results[found].samples[metric])
            texts.append(f"{name} {interval.value:.3f} ({interval.low:.3f}..{interval.high:.3f}, n = {interval.n})")
    return f"{start}: {'; '.join(texts)}." if texts else ""


def table_one(view: str) -> Table:
    """Return half of Table I: rows attacks, columns hiders; Eve's images compared with the host or with the private image."""
    rows = []
    for attack, found in ATTACKS.items():
        paper: tuple[float, ...] = PAPERS_TABLE[attack][view == "private"] if attack in TABLE_ONE else ()
        paper = (*paper, 0.0) if paper and view == "private" else paper
        entries = [Entry(key(hider, "awgn", COVERT_DB, attack), paper if hider == "paper" else ()) for hider in ATTACKED]
        rows.append(Row(found.name, tuple(entries)))
    metrics, text = tuple(f"eve-{view}:{metric}" for metric in LIKENESS), LIKENESS_TEXT
    remarks: tuple[Callable[[ResultStore], str], ...] = ()
    if view == "private":
        rows.append(Row("the host itself, an unrelated face", (Entry(CHANCE), *[Entry("")] * (len(ATTACKED) - 1))))
        metrics, text, remarks = (*metrics, f"eve-private:{PERSON}"), f"{text} / FPESR", tuple(partial(_persons, hider=h) for h in ATTACKED)
    title = f"Table I. Eve's image and the {view} image, covert, AWGN {COVERT_DB} dB: {text}, ours (the paper's)"
    return Table(f"table1-{view}", title, tuple(HIDERS[hider].name for hider in ATTACKED), tuple(rows), metrics, remarks)


def _persons(results: ResultStore, hider: str) -> str:
    """Return the FPESR of all attacks that are measured on a covert link, with Wilson's interval, as one sentence."""
    keys = {found.name: key(hider, "awgn", COVERT_DB, attack) for attack, found in ATTACKS.items()} | {"the host itself": CHANCE}
    return _sentence(f"FPESR, {HIDERS[hider].name}, Wilson's intervals", keys, f"eve-private:{PERSON}", results)


def detected(snr_db: int) -> Table:
    """Return the detection of containers at an SNR: rows hiders, columns detectors."""
    columns = tuple(f"{frames:,} labelled frames" if frames else "energy detector" for frames in detection.FRAMES)
    rows = tuple(
        Row(HIDERS[link].name, tuple(Entry(detection.detection(link, frames)) for frames in detection.FRAMES)) for link in detection.LINKS
    )
    text = f"area under the ROC curve / share found at {100 * detection.FALSE_ALARMS:g} % false alarms"
    metrics = tuple(f"snr{snr_db}:{name}" for name in ("auc", "found"))
    remarks = tuple(partial(_found, frames=frames, snr_db=snr_db) for frames in detection.FRAMES)
    return Table(f"detection-snr{snr_db}", f"Detection of containers, AWGN {snr_db} dB: {text}", columns, rows, metrics, remarks)


def _found(results: ResultStore, frames: int, snr_db: int) -> str:
    """Return a detector's areas and the shares that it finds, on all links that are measured, with their intervals, as one sentence."""
    texts = []
    for link in detection.LINKS:
        if (name := detection.detection(link, frames)) in results:
            found = share(results[name].samples[f"snr{snr_db}:found"])
            both = (f"{value.value:.3f} ({value.low:.3f}..{value.high:.3f})" for value in (detection.area(results[name], snr_db), found))
            texts.append(f"{HIDERS[link].name} {' / '.join(both)}, n = {found.n}")
    detector = f"{frames:,} labelled frames" if frames else "Energy detector"
    return f"{detector}, intervals of the bootstrap / Wilson's: {'; '.join(texts)}." if texts else ""


def revealed(snr_db: int) -> Table:
    """Return Eve's private images at an SNR by regression from chosen pairs: rows hiders, columns numbers of pairs."""
    title = f"Private image from chosen pairs by regression, AWGN {snr_db} dB"
    return _by_pairs(f"reveal-snr{snr_db}", title, lambda link, pairs: reveal.revealed(link, snr_db, pairs), reveal.SCORES, CHANCE)


def network_revealed(snr_db: int) -> Table:
    """Return the same by a network that is trained on the chosen pairs."""
    title = f"Private image from chosen pairs by a network, AWGN {snr_db} dB"
    return _by_pairs(f"reveal-network-snr{snr_db}", title, reveal_network.network_reveal, reveal_network.scores(snr_db))


def _by_pairs(name: str, title: str, of: Callable[[str, int], str], metrics: tuple[str, ...], unrelated: str = "") -> Table:
    """Return a table of Eve's private images, with remarks on the FPESR.

    name       of the table
    of         key of the experiment with a link and a number of chosen pairs
    metrics    of the experiments, the last of which is the FPESR
    unrelated  key of the experiment for an unrelated face, if its metrics have the same names
    """
    rows = (
        [Row("the host itself, an unrelated face", (Entry(unrelated), *[Entry("")] * (len(reveal.CHOSEN_PAIRS) - 1)))] if unrelated else []
    )
    for link in detection.LINKS:
        measured = reveal.chosen_pairs(link)
        rows.append(Row(HIDERS[link].name, tuple(Entry(of(link, pairs) if pairs in measured else "") for pairs in reveal.CHOSEN_PAIRS)))
    columns = tuple(f"{pairs:,} pairs" for pairs in reveal.CHOSEN_PAIRS)
    remarks = tuple(partial(_revealed_persons, of=of, pairs=pairs, metric=metrics[-1]) for pairs in reveal.CHOSEN_PAIRS)
    return Table(name, f"{title}: {LIKENESS_TEXT} / FPESR", columns, tuple(rows), metrics, remarks)


def _revealed_persons(results: ResultStore, of: Callable[[str, int], str], pairs: int, metric: str) -> str:
    """Return the FPESR on all links that are measured with a number of chosen pairs, with Wilson's interval, as one sentence."""
    keys = {HIDERS[link].name: of(link, pairs) for link in detection.LINKS if pairs in reveal.chosen_pairs(link)}
    return _sentence(f"FPESR, {pairs:,} pairs, Wilson's intervals", keys, metric, results)


def received(channel: str, view: str) -> Table:
    """Return half of Figs. 7 or 8 as a table: rows hiders, columns SNRs; Bob's host or private image."""
    names = dict(PLAIN_LINKS) | {hider: found.name for hider, found in HIDERS.items()}
    places = {link: [snr_db for on, snr_db in bob_places(link) if on == channel] for link in names}
    rows = tuple(
        Row(name, tuple(Entry(bob(link, channel, snr_db) if snr_db in places[link] else "") for snr_db in SNRS_DB))
        for link, name in names.items()
        if places[link]
    )
    number = FIG[channel][1]
    title = f"Fig. {number}. Bob's {view} image, {CHANNEL_NAMES[channel]}: {LIKENESS_TEXT}"
    return Table(f"fig{number}-{view}", title, COLUMNS, rows, tuple(f"bob-{view}:{metric}" for metric in LIKENESS))
