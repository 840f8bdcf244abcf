"""How each claim of DiffuSeC is judged: which cells it needs, and the rule that holds them against the paper."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from linksim.papers.diffusec.classifier_accuracy import ClassifierAccuracy
from linksim.papers.diffusec.experiments import CLEAN, EVALUATOR, METHODS, ROBUST, ROUNDS, SNRS_DB, TABLED_DB, key, sweep
from linksim.papers.diffusec.learning_curve import KEY as CURVE
from linksim.papers.diffusec.policy_rollout import LONG, STARTS, PolicyRollout
from linksim.papers.diffusec.trend_checks import adapts_in_three, converges, falls
from linksim.plots.intervals import Interval, mean_interval, wilson
from linksim.reproduction.claims import Claim, shown
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.verdicts import Finding, Order, Rule, compare_values, difference, ordered

MEET = 0.02  # accuracies meet where the interval of their paired difference, widened by this, holds zero
CLIFF = 0.5  # share of its whole range of accuracy that a link with a cliff loses in one step of SNR
LOW_DB = tuple(snr_db for snr_db in SNRS_DB if snr_db < 3)
HIGH_DB = tuple(snr_db for snr_db in SNRS_DB if snr_db > 3)
FROM_MINUS_3_DB = tuple(snr_db for snr_db in TABLED_DB if snr_db >= -3)
EVALUATOR_KEY = ClassifierAccuracy(EVALUATOR).key


def share(samples: Samples) -> Interval:
    """Share of images, each 0 or 1, with Wilson's interval."""
    return wilson(float(samples.sum()), len(samples))


def accuracies(keys: tuple[str, ...], metric: str, claim: Claim, results: ResultStore) -> Finding:
    """Shares beside the paper's one figure, each of them."""
    ours = [share(results[name].samples[metric]) for name in keys]
    return beside(claim, ours, results)


def likenesses(keys: tuple[str, ...], claim: Claim, results: ResultStore) -> Finding:
    """Mean SSIM beside the paper's one figure, in each cell."""
    return beside(claim, [mean_interval(results[name].samples["ssim"]) for name in keys], results)


def beside(claim: Claim, ours: Sequence[Interval], results: ResultStore) -> Finding:
    """Our figures, each held against the paper's; robust accuracies with what the classifier makes of clean images told beside."""
    paper = claim.values().repeat(len(ours))
    word, reason = compare_values(claim, ours, paper, claim.tolerances(1).repeat(len(ours)))
    said = ", ".join(f"{about.value:.3f} ({about.low:.3f}..{about.high:.3f})" for about in ours)
    if "accuracy" in claim.quantity and EVALUATOR_KEY in results and claim.id != "diffusec-wrn-clean":
        clean = 100 * results[EVALUATOR_KEY].samples["correct"].mean()
        reason += f"; our classifier, a small network, has {clean:.1f} % on clean images, the paper's 95.3 %"
    reason += "; ours is a small convolutional network" if claim.id == "diffusec-wrn-clean" else ""
    return Finding(word, said, ours[0].n, reason)


def best_clean(claim: Claim, results: ResultStore) -> Finding:
    """The highest clean accuracy over the SNRs. To be the highest of nine lifts it a little; the interval is that of one cell."""
    ours = max((share(results[name].samples["correct"]) for name in sweep(CLEAN, "proposal")), key=lambda about: about.value)
    return beside(claim, [ours], results)


def orders(table: str, above: str, below: Sequence[str], snrs_db: Sequence[int], results: ResultStore) -> list[Order]:
    """That a method is above each of others at each SNR, image by image."""
    found = []
    for rival in below:
        for snr_db in snrs_db:
            samples = [results[key(table, name, snr_db)].samples["correct"] for name in (above, rival)]
            found.append(Order(f"{snr_db} dB: {METHODS[above].name} > {METHODS[rival].name}", difference(*samples)))
    return found


def means(table: str, methods: Sequence[str], snrs_db: Sequence[int], results: ResultStore) -> str:
    """ "vit 0.10 / 0.20": accuracies of methods over SNRs."""
    of = {name: [float(results[key(table, name, snr_db)].samples["correct"].mean()) for snr_db in snrs_db] for name in methods}
    return "; ".join(f"{METHODS[name].name} {shown(values)}" for name, values in of.items())


def images(results: ResultStore) -> int:
    return len(results[key(ROBUST, "proposal", SNRS_DB[0])].samples["correct"])


def above_vqvae(_: Claim, results: ResultStore) -> Finding:
    """From -3 dB on."""
    word, reason = ordered(orders(ROBUST, "proposal", ["vqvae"], FROM_MINUS_3_DB, results))
    return Finding(word, means(ROBUST, ["proposal", "vqvae"], FROM_MINUS_3_DB, results), images(results), reason)


def above_plain(_: Claim, results: ResultStore) -> Finding:
    """Robust accuracy below 3 dB, and clean accuracies that meet above."""
    word, reason = ordered(orders(ROBUST, "proposal", ["deepjscc"], LOW_DB, results))
    apart = [order.difference for order in orders(CLEAN, "proposal", ["deepjscc"], HIGH_DB, results)]
    met = sum(about.low <= MEET and about.high >= -MEET for about in apart)
    largest = max((about.value for about in apart), key=abs)
    reason += f"; clean accuracies meet (within {MEET:g} and their interval) at {met} of {len(apart)} SNRs above 3 dB"
    reason += f", the largest difference is {largest:+.3f}"
    ours = means(ROBUST, ["proposal", "deepjscc"], LOW_DB, results)
    return Finding(word if met == len(apart) else "not reproduced", ours, images(results), reason)


def above_digital(_: Claim, results: ResultStore) -> Finding:
    """At every SNR, and the digital link's cliff."""
    policy_groups = ("jpeg", "jpeg-at", "vit")
    word, reason = ordered(orders(ROBUST, "proposal", policy_groups, SNRS_DB, results))
    clean = [float(results[name].samples["correct"].mean()) for name in sweep(CLEAN, "jpeg")]
    steps = [after - before for before, after in pairwise(clean)]
    steepest, whole = max(steps), max(clean) - min(clean)
    cliff = whole > 0 and steepest >= CLIFF * whole
    at_db = SNRS_DB[steps.index(steepest)]
    reason += f"; clean accuracy of {METHODS['jpeg'].name} has {'a' if cliff else 'no'} cliff: from {at_db} to {at_db + 3} dB it rises by "
    reason += f"{steepest:.2f} of {whole:.2f}"
    ours = means(ROBUST, ("proposal", *policy_groups), SNRS_DB, results)
    return Finding(word if cliff else "not reproduced", ours, images(results), reason)


def _robust(*snrs_db: int) -> Rule:
    keys = sweep(ROBUST, "proposal", snrs_db)
    how = (
        "share of attacked images taken for what they are, steps after 1, 2 and 3 rounds of the policy from random ones; Wilson's interval"
    )
    return Rule(how, keys, partial(accuracies, keys, "correct"))


def _ssim(*snrs_db: int) -> Rule:
    keys = sweep(ROBUST, "proposal", snrs_db)
    return Rule("mean SSIM with the original, attacked images, rounds 1 to 3 of the trained policy", keys, partial(likenesses, keys))


ATTACKED = (key(ROBUST, "vit", SNRS_DB[-1]),)
ACTING = tuple(PolicyRollout(snr_db, 0).key for snr_db in SNRS_DB)
PAIRED = "differences image by image, the same attacked images; "

RULES: dict[str, Rule] = {
    "diffusec-wrn-clean": Rule("all test images, Wilson's interval", (EVALUATOR_KEY,), partial(accuracies, (EVALUATOR_KEY,), "correct")),
    "diffusec-wrn-pgd": Rule(
        "the attacked images themselves, without any link; Wilson's interval", ATTACKED, partial(accuracies, ATTACKED, "source_correct")
    ),
    "diffusec-robust--6": _robust(-6),
    "diffusec-robust--3": _robust(-3),
    "diffusec-robust-0": _robust(0),
    "diffusec-robust-3": _robust(3),
    "diffusec-robust-6": _robust(6),
    "diffusec-robust-15": _robust(9, 12, 15),
    "diffusec-clean-top": Rule("the highest of the nine SNRs; Wilson's interval of that cell", sweep(CLEAN, "proposal"), best_clean),
    "diffusec-ssim-high": _ssim(3, 9, 15),
    "diffusec-ssim-low": _ssim(-3),
    "diffusec-vs-vqvae": Rule(
        PAIRED + "-3 to 15 dB", (*sweep(ROBUST, "proposal", FROM_MINUS_3_DB), *sweep(ROBUST, "vqvae", FROM_MINUS_3_DB)), above_vqvae
    ),
    "diffusec-vs-plain": Rule(
        PAIRED + "robust accuracy at -6, -3, 0 dB, clean accuracy at 6 dB and above",
        tuple(name for m in ("proposal", "deepjscc") for name in (*sweep(ROBUST, m, LOW_DB), *sweep(CLEAN, m, HIGH_DB))),
        above_plain,
    ),
    "diffusec-vs-jpeg": Rule(
        PAIRED + "all SNRs; and how clean accuracy of the digital link goes with SNR",
        (*(name for m in ("proposal", "jpeg", "jpeg-at", "vit") for name in sweep(ROBUST, m)), *sweep(CLEAN, "jpeg")),
        above_digital,
    ),
    "diffusec-converge": Rule("the learning curve of the training task: mean reward over -3, 3, 9, 15 dB", (CURVE,), converges),
    "diffusec-adapt-3": Rule(
        f"reward by the reward table from {STARTS} random starts at each SNR, after {ROUNDS} rounds and after {LONG}", ACTING, adapts_in_three
    ),
    "diffusec-policy-trend": Rule(f"t_plus where the policy comes to rest, mean over {STARTS} random starts, at each SNR", ACTING, falls),
}  # fmt: skip
