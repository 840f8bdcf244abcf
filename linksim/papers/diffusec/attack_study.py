"""The study `attack`: DiffuSeC under an attack whose strength varies, which extends the paper's decision process by a state of nature.

    strength of the attack, 0..2 times 8/255, drawn for every ten rounds --> disagreement that Bob observes --> policy

The setting is that of the study `paper`, whose attack always has a strength of 8/255. Policies are chosen on training images, by the attack
table `CHOSEN_ON`, and evaluated on test images, by `EVALUATED_ON`; the oracle knows the latter, the true SNR and the true strength.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from functools import cache, partial
from itertools import chain

import numpy as np

from linksim.adapt.attack_policy import ALL_PAIRS, AttackLookup, AttackOracle, StrengthLookup
from linksim.adapt.attack_regret import BLOCK_ROUNDS, AttackOutcome, attacked_channels, evaluate_under_attack
from linksim.adapt.attack_table import AttackTable, load_attack_table
from linksim.adapt.ddpg import Ddpg
from linksim.adapt.evaluation_channels import EVALUATION_CHANNELS, evaluation_channels
from linksim.adapt.policy import BestFixed, LookupPolicy, Policy, Random
from linksim.adapt.regret import Condition
from linksim.nets.policy import Actor
from linksim.nets.weights import load_model
from linksim.papers.diffusec.policies import BIN_DB, CHANNELS, DELAYS, ERRORS_DB, INTERVAL_MS, ROUNDS
from linksim.papers.diffusec.study_policies import ACTOR, OUTSIDE, RANGE_DB, outside_agent
from linksim.papers.diffusec.study_policies import CHOSEN_ON as PAPERS_TABLE
from linksim.papers.diffusec.study_policies import EVALUATED_ON as PAPERS_TEST
from linksim.papers.diffusec.study_policies import policy_named as papers_policy
from linksim.plots.plot_style import save
from linksim.plots.sweeps import SweepLine, SweepPanel, sweep_figure
from linksim.reproduction.paper import Experiment, Figures, Measurement, ProgressCallback
from linksim.reproduction.results import ResultStore
from linksim.reproduction.simulated import weights_of
from linksim.reproduction.tables import Entry, Row, Table
from linksim.rng import Streams
from linksim.statistics import bootstrap_mean
from linksim.training.ddpg import AttackDdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.tasks import TASKS

CHOSEN_ON, EVALUATED_ON, ATTACK_ACTOR = "diffusec-attack-rewards", "diffusec-attack-rewards-test", "ddpg-diffusec-attack"
SEEDS = (1, 2, 3)
STUDY = "study-attack"  # first part of the keys
IMAGES = (4, 16, 64)  # received in a round
USUAL_IMAGES = 16
PAPERS_STRENGTH = 1.0
NAMES: Mapping[str, str] = {
    "oracle": "oracle: knows SNR, strength and the test images",
    "strength-lookup": f"lookup by SNR and true strength, a pair for every {BIN_DB:g} dB",
    "attack-lookup": f"lookup by SNR and disagreement, a pair for every {BIN_DB:g} dB",
    "snr-lookup": "lookup by SNR, chosen for all strengths",
    "lookup": "lookup by SNR, chosen for 8/255 alone",
    **{f"ddpg-attack-{seed}": f"DDPG that observes the disagreement, seed {seed}" for seed in SEEDS},
    **{
        f"{name}-attack-{seed}": f"{shown} that observes the disagreement, seed {seed}" for name, shown in OUTSIDE.items() for seed in SEEDS
    },
    "ddpg": "DDPG of the study `paper`, which has met 8/255 alone",
    "best-fixed": "best fixed pair for all strengths and -6..18 dB",
    "random": "random pairs",
}
LEARNT = tuple(f"ddpg-attack-{seed}" for seed in SEEDS)
AGENTS = {shown: tuple(f"{name}-attack-{seed}" for seed in SEEDS) for name, shown in OUTSIDE.items()}
OBSERVERS: Mapping[str, tuple[str, ...]] = {
    "the lookup by SNR and true strength": ("strength-lookup",),
    "the lookup by SNR and disagreement": ("attack-lookup",),
    "DDPG that observes": LEARNT,
    **{f"{shown} that observes": names for shown, names in AGENTS.items()},
}
BLIND = ("snr-lookup", "ddpg", "best-fixed")


def best_fixed(table: AttackTable) -> tuple[int, int]:
    """Return the pair of highest mean reward over all strengths and the SNRs of the evaluation."""
    found = sum(table.rewards(ALL_PAIRS, np.full(len(ALL_PAIRS), snr_db)).mean(axis=0) for snr_db in RANGE_DB)
    t_d, t_plus = ALL_PAIRS[np.argmax(found)].tolist()
    return t_d, t_plus


@cache
def policy_named(name: str, chosen_on: str, evaluated_on: str) -> Policy:
    """Return a policy by its name in `NAMES`, once per digest of the two tables. Raises ModelError where a table is missing."""
    kind, _, seed = name.partition("-attack-")
    if name in LEARNT:
        return Ddpg(trained_actor(int(seed), chosen_on))
    if kind in OUTSIDE:
        return outside_agent(OUTSIDE[kind], load_attack_table(CHOSEN_ON), int(seed))
    if name == "ddpg":
        return papers_policy("ddpg-1", weights_of(PAPERS_TABLE), weights_of(PAPERS_TEST))
    chosen = load_attack_table(CHOSEN_ON)
    others: Mapping[str, Policy] = {
        "oracle": AttackOracle(load_attack_table(EVALUATED_ON)),
        "strength-lookup": StrengthLookup(chosen, BIN_DB),
        "attack-lookup": AttackLookup(chosen, BIN_DB),
        "snr-lookup": AttackLookup(chosen, BIN_DB, observing=False),
        "lookup": LookupPolicy(chosen.tables[int(np.flatnonzero(chosen.strengths == PAPERS_STRENGTH)[0])], BIN_DB),
        "best-fixed": BestFixed(best_fixed(chosen)),
        "random": Random(),
    }
    return others[name]


@cache
def trained_actor(seed: int, chosen_on: str) -> Actor:
    """Return the actor that observes the disagreement: the trained model for the first seed, for others one that is trained here.

    chosen_on  digest of the attack table

    Raises ModelError if the model or the table is missing.
    """
    if seed == SEEDS[0]:
        network = load_model(ATTACK_ACTOR, "policy").network
        assert isinstance(network, Actor)
        return network
    task = TASKS[ATTACK_ACTOR]
    assert isinstance(task, AttackDdpgTask)
    trainer = DdpgTrainer(replace(task, seed=seed))
    while not trainer.finished:
        trainer.train_step()
    actor = trainer.agent.actor
    actor.load_state_dict(trainer.result())
    return actor


@dataclass(frozen=True)
class AttackRegret:
    """Experiment: mean reward and regret of a policy on each held-out channel.

    policy    a name in `NAMES`
    seed      of the evaluation
    channel   kind of channel; None for all kinds
    delay     of a report, in rounds
    error_db  standard deviation of the error of a report
    images    number of images that Bob receives in a round
    """

    policy: str
    seed: int
    channel: str | None = None
    delay: int = 0
    error_db: float = 0.0
    images: int = USUAL_IMAGES
    kind: str = "attack study"

    @property
    def key(self) -> str:
        return regret_key(self.policy, self.channel, self.delay, self.error_db, self.images)

    @property
    def size(self) -> int:
        return CHANNELS * (1 if self.channel else len(EVALUATION_CHANNELS))

    def digest(self) -> str:
        weights = [weights_of(name) for name in (CHOSEN_ON, EVALUATED_ON, ACTOR, ATTACK_ACTOR)]
        return hashlib.sha256(repr([1, astuple(self), BLOCK_ROUNDS, *weights]).encode()).hexdigest()[:16]

    def measure(self, on_progress: ProgressCallback) -> Measurement:
        kinds = [self.channel] if self.channel else list(EVALUATION_CHANNELS)
        outcomes = [self._outcome(kind) for kind in kinds]
        on_progress(self.size)
        rewards, regrets = ([getattr(outcome, name) for outcome in outcomes] for name in ("rewards", "regrets"))
        return Measurement({"reward": np.concatenate(rewards), "regret": np.concatenate(regrets)}, {})

    def _outcome(self, kind: str) -> AttackOutcome:
        """Return the outcome on the channels of one kind."""
        table, lead, streams = load_attack_table(EVALUATED_ON), max(DELAYS), Streams(self.seed)
        snr_db = evaluation_channels(kind, CHANNELS, ROUNDS + lead, INTERVAL_MS, self.seed)
        condition = Condition(kind, self.delay, self.error_db)
        channels = attacked_channels(snr_db, condition, lead, len(table.strengths), self.images, streams)
        policy = policy_named(self.policy, weights_of(CHOSEN_ON), weights_of(EVALUATED_ON))
        return evaluate_under_attack(table, {self.policy: policy}, channels, streams)[self.policy]


def regret_key(policy: str, channel: str | None = None, delay: int = 0, error_db: float = 0.0, images: int = USUAL_IMAGES) -> str:
    """Return the key of an `AttackRegret`.

    >>> regret_key("oracle", "slow"), regret_key("lookup", None, 1, 3.0, images=4)
    ('study-attack/oracle/slow/images16', 'study-attack/lookup/delay1-error3/images4')
    """
    return f"{STUDY}/{policy}/{channel or f'delay{delay}-error{error_db:g}'}/images{images}"


def attack_experiments(seed: int) -> list[Experiment]:
    """Return the experiments of the study: regret by channel, by report and by number of images."""
    return [
        *(AttackRegret(policy, seed, channel=channel) for policy in NAMES for channel in EVALUATION_CHANNELS),
        *(AttackRegret(policy, seed, delay=delay, error_db=error_db) for policy in NAMES for delay in DELAYS for error_db in ERRORS_DB),
        *(AttackRegret(policy, seed, images=images) for policy in NAMES for images in IMAGES if images != USUAL_IMAGES),
    ]


def attack_tables() -> list[Table]:
    """Return the tables of the study: regret by kind of channel, by report, and by number of images."""
    by_channel = {kind: partial(regret_key, channel=kind) for kind in EVALUATION_CHANNELS}
    by_report = {f"{delay} late, {error:g} dB": partial(regret_key, delay=delay, error_db=error) for delay in DELAYS for error in ERRORS_DB}
    by_images = {f"{images} images": partial(regret_key, images=images) for images in IMAGES}
    headed = {
        f"Study `attack`: regret against the oracle by kind of held-out channel, {USUAL_IMAGES} images a round": by_channel,
        "Study `attack`: the same over all channels, by delay of a report in rounds and standard deviation of its error": by_report,
        "Study `attack`: the same by number of images that Bob receives in a round": by_images,
    }
    return [
        Table(
            STUDY,
            title,
            tuple(columns),
            tuple(Row(about, tuple(Entry(of(policy)) for of in columns.values())) for policy, about in NAMES.items()),
            ("regret",),
            tuple(partial(gain, observer=observer, other=other) for observer in OBSERVERS for other in BLIND)
            if columns is by_channel
            else (),
        )
        for title, columns in headed.items()
    ]


def gain(results: ResultStore, observer: str, other: str) -> str:
    """Return a sentence on the reward of an observing policy beyond that of another one; empty where results are missing.

    observer  key of `OBSERVERS`, of which the mean over seeds counts
    other     name of a policy
    """
    keys = [regret_key(policy) for policy in (other, *OBSERVERS[observer])]
    if any(key not in results for key in keys):
        return ""
    compared, *observing = results.aligned(keys, "reward")
    found = bootstrap_mean(np.mean(observing, axis=0) - compared, Streams(0)("study/bootstrap"))
    return (
        f"Reward of {observer} beyond that of the {NAMES[other]}, all channels, with the 95 % interval over them: "
        f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
    )


def attack_figure(results: ResultStore) -> Figures:
    """study-attack.png: regret against the number of images in a round, and against the delay of a report."""
    by_images = {policy: {float(images): regret_key(policy, images=images) for images in IMAGES} for policy in NAMES}
    by_delay = {policy: {float(delay): regret_key(policy, delay=delay) for delay in DELAYS} for policy in NAMES}
    shown = {"images that Bob receives in a round": by_images, "delay of a report (rounds)": by_delay}
    if any(key not in results for keyed in shown.values() for keys in keyed.values() for key in keys.values()):
        return Figures()
    panels = [SweepPanel(f"by {axis.partition(' (')[0]}", "regret", lines(results, keyed), axis) for axis, keyed in shown.items()]
    highest = max(value.high for panel in panels for line in panel.lines for value in line.values)
    title = "Regret under an attack of varying strength, on held-out channels (study `attack`)"
    figure = sweep_figure(title, panels, limits=(0.0, 1.1 * highest))
    return Figures(drawn=(save(figure, results.folder / "study-attack.png"),))


def lines(results: ResultStore, keyed: Mapping[str, Mapping[float, str]]) -> tuple[SweepLine, ...]:
    """Return a line of regret for each policy over its keys by abscissa, without oracle, random policy, TD3, SAC and further seeds."""
    return tuple(
        SweepLine(NAMES[policy], tuple(keys), tuple(results[key].interval("regret") for key in keys.values()))
        for policy, keys in keyed.items()
        if policy not in ("oracle", "random", *LEARNT[1:], *chain.from_iterable(AGENTS.values()))
    )
