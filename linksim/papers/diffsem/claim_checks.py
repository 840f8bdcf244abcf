"""How each claim of DiffSem is checked: the experiments that the check needs, and the function that compares them with the paper.

    values   the schedule and the compression rate are computed; accuracies are compared with Wilson's interval, gains image by image
    orders   accuracy of one receiver or adversary minus that of another, on equal images and equal noise
    shapes   changes over the SNR and over the step, image by image

The receiver without diffusion is the fair control: its classifier is trained on the noise that it receives, for as many steps as that of
DiffSem. `paper.mechanism_table` has the other readings of each gain. Claims about CIFAR-10 are checked with the stronger pair of networks:
`cifar.accuracy_table` has those of Table II beside it.
"""

from collections.abc import Callable, Sequence
from functools import partial

from linksim.feature_diffusion import equivalent_snr_db
from linksim.nets.features import FeatureCodec
from linksim.papers.diffsem.adversaries import Inversion, NoisyPixels
from linksim.papers.diffsem.received import OperatingPoint
from linksim.papers.diffsem.receivers import Reception
from linksim.reproduction.claims import Claim
from linksim.reproduction.results import ResultStore, Samples
from linksim.reproduction.rules import Rule
from linksim.reproduction.statements import Statement, above, at_most, difference, equal, judged
from linksim.reproduction.verdicts import Finding, compare_values
from linksim.statistics import Interval, mean_interval, wilson
from linksim.training.diffsem_tasks import STRONG

SNRS_DB = (-5, 0, 5, 10, 15)
STEPS = (50, 100, 150, 200, 250, 300, 350, 400)
PAPER_SNR_DB, PAPER_STEP = 15, 300  # of the values in the text
ORDER_STEPS = tuple(step for step in STEPS if step >= 100)
PAPER_SSIM = 0.12  # of Sec. IV-C
LOW_STEPS = tuple(step for step in STEPS if step <= 250)
HIGH_SNRS_DB = tuple(snr_db for snr_db in SNRS_DB if snr_db >= 5)
NOT_WORSE_WITHIN = 0.005  # accuracy; ">=" of the paper holds if the difference is above minus this
CIFAR_STEPS, CIFAR_STEP = (60, 150, 200, 300, 400), 150  # on CIFAR-10, and that of the values in the text
DIRECT_STEPS = (100, 150, 200, 250)  # of noise on the pixels of CIFAR-10
FLAT_WITHIN = 0.02  # accuracy; "varies little" and "nearly constant"
IBAL, IBAL_D = "ibal-mnist-2", "ibal-d-mnist"  # of the weights of the adversary that were trained


def bob(receiver: str, snr_db: int, step: int) -> str:
    """Key of the experiment of a receiver."""
    return Reception(receiver, OperatingPoint(snr_db, step)).key


def eve(system: str, snr_db: int, step: int) -> str:
    """Key of the experiment of an adversary."""
    return Inversion(system, OperatingPoint(snr_db, step)).key


AT_300 = {name: bob(name, PAPER_SNR_DB, PAPER_STEP) for name in ("bypass", "diffsem", "e-diffsem")}
EVE_AT_300 = eve("inverter", PAPER_SNR_DB, PAPER_STEP)


CIFAR_BOB = {name: bob(f"{STRONG}/{name}", PAPER_SNR_DB, CIFAR_STEP) for name in ("bypass", "diffsem", "e-diffsem")}
CIFAR_EVE = eve(STRONG, PAPER_SNR_DB, CIFAR_STEP)
CIFAR_EVES = {step: eve(STRONG, PAPER_SNR_DB, step) for step in CIFAR_STEPS}
CIFAR_DIRECT = {step: NoisyPixels(False, step, STRONG).key for step in DIRECT_STEPS}


def share(samples: Samples) -> Interval:
    """Share of samples that are 1, all being 0 or 1, with Wilson's interval."""
    return wilson(round(float(samples.sum())), len(samples))


def computed(value: Callable[[], float], claim: Claim, _: ResultStore) -> Finding:
    """A value that follows from the definition of the system, without a measurement."""
    ours = value()
    word, reason = compare_values(claim, [Interval(ours, ours, ours, 1)], claim.values(), claim.tolerances(1))
    return Finding(word, f"{ours:.4g}", 0, f"{reason}; computed")


def rate(layout: str) -> float:
    """Compression rate k / (C H W), k real values, of a codec of features."""
    codec = FeatureCodec(layout=layout)
    return 2 * codec.channel_uses / (codec.colours * codec.side**2)


def one_value(measure: Callable[[ResultStore], Interval], claim: Claim, results: ResultStore) -> Finding:
    """A measured value with its interval, compared with the paper's."""
    ours = measure(results)
    word, reason = compare_values(claim, [ours], claim.values(), claim.tolerances(1))
    return Finding(word, f"{ours.value:.4f} ({ours.low:.4f}..{ours.high:.4f})", ours.n, reason)


def gain(above: str, below: str, results: ResultStore) -> Interval:
    """Accuracy of one experiment minus that of another, image by image."""
    return difference(*results.aligned([above, below], "correct"))


def order_of_fig_4(_: Claim, results: ResultStore) -> Finding:
    """Fig. 4: E-DiffSem >= DiffSem >= bypassed > adversary, and DiffSem above both baselines, at each step."""
    statements = []
    for step in ORDER_STEPS:
        ours, guided, bypass = (bob(name, PAPER_SNR_DB, step) for name in ("diffsem", "e-diffsem", "bypass"))
        adversary = eve("inverter", PAPER_SNR_DB, step)
        for name, better, worse in (("E-DiffSem >= DiffSem", guided, ours), ("DiffSem >= bypass", ours, bypass)):
            statements.append(at_most(f"t = {step}: {name}", gain(worse, better, results), NOT_WORSE_WITHIN))
        statements.append(above(f"t = {step}: bypass > adversary", gain(bypass, adversary, results)))
        for name in (IBAL, IBAL_D):
            rival = results.aligned([eve(name, PAPER_SNR_DB, step)], "bob")[0]
            statements.append(above(f"t = {step}: DiffSem > {name}", difference(results.aligned([ours], "correct")[0], rival)))
    word, reason, score = judged(statements)
    return Finding(word, "", results[AT_300["diffsem"]].interval("correct").n, reason, score)


def weak_ssim(_: Claim, results: ResultStore) -> Finding:
    """Fig. 5: for each step of DiffSem's adversary, images of IBAL-D's with the nearest SSIM below are recognised more often."""
    statements, texts = [], []
    rivals = {step: results[eve(IBAL_D, PAPER_SNR_DB, step)] for step in ORDER_STEPS}
    for step in ORDER_STEPS:
        own = results[eve("inverter", PAPER_SNR_DB, step)]
        lower = {at: rival for at, rival in rivals.items() if rival.interval("ssim").value <= own.interval("ssim").value}
        if not lower:
            continue
        at = max(lower, key=lambda place: lower[place].interval("ssim").value)
        keys = [eve(IBAL_D, PAPER_SNR_DB, at), eve("inverter", PAPER_SNR_DB, step)]
        statements.append(above(f"t = {step}: IBAL-D at t = {at}", difference(*results.aligned(keys, "correct"))))
        texts.append(f"SSIM {own.interval('ssim').value:.3f}: {share(own.samples['correct']).value:.3f}")
        texts[-1] += f" (IBAL-D {lower[at].interval('ssim').value:.3f}: {share(lower[at].samples['correct']).value:.3f})"
    word, reason, score = judged(statements)
    return Finding(word, "; ".join(texts), len(own.samples["correct"]), reason, score)


def likeness_on_cifar10(_: Claim, results: ResultStore) -> Finding:
    """Fig. 10: the adversary's images are recognised more often than images with noise on their pixels whose SSIM is the nearest above.

    Compared at the step at which her SSIM is nearest to that of the text, 0.12.
    """
    ssim = {step: results[key].interval("ssim").value for step, key in CIFAR_EVES.items()}
    step = min(ssim, key=lambda place: abs(ssim[place] - PAPER_SSIM))
    direct = {at: results[key].interval("ssim").value for at, key in CIFAR_DIRECT.items()}
    above_it = [at for at in direct if direct[at] >= ssim[step]]
    if not above_it:
        return Finding("undecided", f"SSIM {ssim[step]:.3f}, above that of all images with noise on their pixels", 0, "no such images")
    at = min(above_it, key=lambda place: direct[place])
    keys = [CIFAR_EVES[step], CIFAR_DIRECT[at]]
    more = difference(*results.aligned(keys, "correct"))
    word, reason, score = judged([above(f"adversary at t = {step}, direct at t = {at}", more)])
    accuracies = [share(results[key].samples["correct"]).value for key in keys]
    ours = f"SSIM {ssim[step]:.3f}: {accuracies[0]:.3f}; direct, SSIM {direct[at]:.3f}: {accuracies[1]:.3f}"
    return Finding(word, ours, more.n, reason, score)


def robust_to_snr(_: Claim, results: ResultStore) -> Finding:
    """Fig. 8: accuracies at 5, 10 and 15 dB agree at each step up to 250; at -5 dB the gap to the adversary agrees between all steps.

    A receiver that never works would agree as well. Bob must therefore be above the adversary at each of these steps.
    """
    statements: list[Statement] = []
    for step in LOW_STEPS:
        accuracies = results.aligned([bob("diffsem", snr_db, step) for snr_db in HIGH_SNRS_DB], "correct")
        for snr_db, samples in zip(HIGH_SNRS_DB[:-1], accuracies[:-1], strict=True):
            name = f"t = {step}: {snr_db} = {HIGH_SNRS_DB[-1]} dB"
            statements.append(equal(name, difference(samples, accuracies[-1]), FLAT_WITHIN))
    gaps = [_gap(-5, step, results) for step in STEPS]
    for step, samples in zip(STEPS[1:], gaps[1:], strict=True):
        statements.append(equal(f"-5 dB: gap at t = {step} = gap at t = {STEPS[0]}", difference(samples, gaps[0]), FLAT_WITHIN))
        statements.append(above(f"-5 dB, t = {step}: receiver > adversary", mean_interval(samples)))
    word, reason, score = judged(statements)
    ours = "gap at -5 dB " + ", ".join(f"{samples.mean():.3f}" for samples in gaps)
    return Finding(word, ours, len(gaps[0]), reason, score)


def _gap(snr_db: int, step: int, results: ResultStore) -> Samples:
    """Correctness of DiffSem minus that of the tuned classifier on the adversary's images, image by image."""
    receiver, adversary = results.aligned([bob("diffsem", snr_db, step), eve("inverter", snr_db, step)], "correct")
    return receiver - adversary


def _esnr(step: int) -> Rule:
    return Rule(how="from the schedule", keys=(), check=partial(computed, partial(equivalent_snr_db, step)))


def _missing(what: str) -> Rule:
    """Rule of a claim that needs a GPU."""
    return Rule(how="not measured", keys=(f"gpu/{what}",), check=lambda claim, results: Finding("not measured yet", "", 0, ""))


def _paired(how: str, above: str, below: str) -> Rule:
    return Rule(how=how, keys=(above, below), check=partial(one_value, partial(gain, above, below)))


def _correct(key: str) -> Rule:
    return Rule(
        how="share of correct labels", keys=(key,), check=partial(one_value, lambda results: share(results[key].samples["correct"]))
    )


def _over(names: Sequence[str], key: Callable[[str, int, int], str], snrs_db: Sequence[int], steps: Sequence[int]) -> tuple[str, ...]:
    return tuple(key(name, snr_db, step) for name in names for snr_db in snrs_db for step in steps)


PAIRED = "difference of accuracies image by image, equal noise; both classifiers trained equally long on this noise"
GAP = "difference image by image, classifier tuned on the adversary's images"
RULES: dict[str, Rule] = {
    **{f"diffsem-esnr-{step}": _esnr(step) for step in (184, 67, 344, 150)},
    "diffsem-rate-mnist": Rule(how="from the encoder", keys=(), check=partial(computed, partial(rate, "mnist"))),
    "diffsem-rate-cifar": Rule(how="from the encoder", keys=(), check=partial(computed, partial(rate, "cifar10"))),
    "diffsem-mnist-classifier-300": _correct(AT_300["bypass"]),
    "diffsem-mnist-adversary-300": _correct(EVE_AT_300),
    "diffsem-mnist-gap-300": _paired(GAP, AT_300["bypass"], EVE_AT_300),
    "diffsem-mnist-gain-300": _paired(PAIRED, AT_300["diffsem"], AT_300["bypass"]),
    "ediffsem-mnist-gain-300": _paired(PAIRED, AT_300["e-diffsem"], AT_300["bypass"]),
    "diffsem-mnist-order": Rule(
        how=f"differences image by image; >= within {NOT_WORSE_WITHIN:g}; the classifier is tuned on the adversary's images",
        keys=(
            *_over(("diffsem", "e-diffsem", "bypass"), bob, (PAPER_SNR_DB,), ORDER_STEPS),
            *_over(("inverter", IBAL, IBAL_D), eve, (PAPER_SNR_DB,), ORDER_STEPS),
        ),
        check=order_of_fig_4,
    ),
    "diffsem-ssim-weak": Rule(
        how="accuracy of the strong classifier on IBAL-D's images with the nearest SSIM below minus that on DiffSem's, image by image",
        keys=_over(("inverter", IBAL_D), eve, (PAPER_SNR_DB,), ORDER_STEPS),
        check=weak_ssim,
    ),
    "diffsem-snr-robust": Rule(
        how=f"differences image by image over SNR and step; equal within {FLAT_WITHIN:g}",
        keys=(
            *_over(("diffsem",), bob, HIGH_SNRS_DB, LOW_STEPS),
            *_over(("diffsem",), bob, (-5,), STEPS),
            *_over(("inverter",), eve, (-5,), STEPS),
        ),
        check=robust_to_snr,
    ),
    "diffsem-cifar-adversary-150": _correct(CIFAR_EVE),
    "diffsem-cifar-bypass-150": _correct(CIFAR_BOB["bypass"]),
    "diffsem-cifar-150": _correct(CIFAR_BOB["diffsem"]),
    "ediffsem-cifar-150": _correct(CIFAR_BOB["e-diffsem"]),
    "diffsem-cifar-gap-150": _paired(GAP, CIFAR_BOB["e-diffsem"], CIFAR_EVE),
    "diffsem-cifar-ssim": Rule(
        how="accuracy of the strong classifier on the adversary's images minus that on noisy images of the nearest SSIM above",
        keys=(*CIFAR_EVES.values(), *CIFAR_DIRECT.values()),
        check=likeness_on_cifar10,
    ),
    "diffsem-latency": _missing("latency"),
}
