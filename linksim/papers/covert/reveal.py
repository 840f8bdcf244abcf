"""The Eve who learns to reveal private images: ridge regression from pairs of her own images that Alice hides for her.

Each experiment is that of Bob's images of the same link, with this Eve, at her SNR. A link with keys hides her pairs under other keys than
the pairs under attack.
"""

from dataclasses import replace

from linksim.enums import Node
from linksim.papers.covert.detection import LINKS
from linksim.papers.covert.experiments import (
    HIDERS,
    LIKENESS,
    METRICS,
    NO_ATTACK,
    PAIR,
    PERSON,
    SUSPECTED_DB,
    LinkExperiment,
    Setup,
    experiment,
    key,
)

CHOSEN_PAIRS = (100, 1_000, 4_000)  # the pairs that Eve chooses
VIEW = "eve-private:"
SCORES = tuple(f"{VIEW}{metric}" for metric in (*LIKENESS, PERSON))


def revealed(link: str, snr_db: int, pairs: int) -> str:
    """Return the key of an experiment.

    >>> revealed("natural", 5, 1_000)
    'natural/awgn/snr5/reveal-m1000'
    """
    return key(link, "awgn", snr_db, f"reveal-m{pairs}")


def chosen_pairs(link: str) -> tuple[int, ...]:
    """Return the numbers of chosen pairs that are measured on a link; the smallest one is left out on links with keys."""
    return CHOSEN_PAIRS[HIDERS[link].keyed :]


def reveal_experiments(setup: Setup) -> list[LinkExperiment]:
    """Return the experiments on all links, first those with few chosen pairs."""
    conditions = [
        (link, snr_db, pairs) for pairs in CHOSEN_PAIRS for link in LINKS if pairs in chosen_pairs(link) for snr_db in SUSPECTED_DB
    ]
    return [reveal_experiment(setup, *condition) for condition in conditions]


def reveal_experiment(setup: Setup, link: str, snr_db: int, pairs: int) -> LinkExperiment:
    """Return the experiment in which Eve has chosen a number of pairs, which she receives at the SNR of the link."""
    bobs, metrics = experiment(setup, link, "awgn", snr_db, NO_ATTACK), (*LIKENESS, PERSON)
    attack = {"attack": "ridge-reveal", "num_chosen_pairs": pairs, "assumed_snr_db": snr_db}
    return replace(
        bobs,
        key=revealed(link, snr_db, pairs),
        kind=f"reveal {pairs}",
        options={**bobs.options, "metrics": [METRICS[metric] for metric in metrics if metric in METRICS], "eve": attack},
        views={VIEW: (Node.EVE, 1, PAIR)},
        metrics=metrics,
    )
