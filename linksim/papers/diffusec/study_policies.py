"""The policies of the study `paper`: DDPG of linksim, agents of Stable-Baselines3, and those that they are compared with.

DDPG is trained with `SEEDS` seeds. The first is the trained model; the others are trained here, in about a minute each, as is one with the
paper's learning rates, a tenth of ours. TD3 and SAC are those of Stable-Baselines3, trained through the Gymnasium environment of the reward
table with as many rounds as DDPG; they are measured only where that package is installed.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from linksim.adapt.attack_table import AttackTable
from linksim.adapt.ddpg import Ddpg, DdpgConfig
from linksim.adapt.policy import BestFixed, LookupPolicy, Oracle, Policy, Random
from linksim.adapt.reward_table import RewardTable
from linksim.adapt.reward_table_file import load_reward_table
from linksim.errors import LinksimError
from linksim.nets.policy import Actor
from linksim.nets.weights import load_model
from linksim.papers.diffusec.experiments import SYMMETRIC_STEPS
from linksim.papers.diffusec.policies import BIN_DB
from linksim.training.ddpg import DdpgTask
from linksim.training.ddpg_trainer import DdpgTrainer
from linksim.training.tasks import TASKS

CHOSEN_ON, EVALUATED_ON, ACTOR = "diffusec-blind-rewards", "diffusec-blind-rewards-test", "ddpg-diffusec-blind"
SEEDS = (1, 2, 3, 4, 5)
RANGE_DB = np.arange(-6.0, 18.1, 0.5)  # SNRs over which the best fixed pair is chosen: those of the evaluation
OUTSIDE = {"td3": "TD3", "sac": "SAC"}  # algorithms of Stable-Baselines3
OUTSIDE_STEPS = 10_000  # rounds of a training
OUTSIDE_SETTINGS = {"learning_rate": 1e-3, "learning_starts": 1_000, "batch_size": 128, "gamma": 0.9, "device": "cpu"}
LEARNT = {f"ddpg-{seed}": f"DDPG, seed {seed}" for seed in SEEDS}
AGENTS: Mapping[str, tuple[str, ...]] = {  # names of the policies of all seeds of an algorithm
    "DDPG": tuple(LEARNT),
    **{shown: tuple(f"{name}-{seed}" for seed in SEEDS) for name, shown in OUTSIDE.items()},
}
OTHERS: Mapping[str, str] = {
    "oracle": "oracle: knows the true SNR and the test images",
    "paper-rates": f"DDPG with the paper's learning rates, seed {SEEDS[0]}",
    "lookup": f"lookup, a pair for every {BIN_DB:g} dB",
    "best-fixed": "best fixed pair for -6..18 dB",
    "symmetric": f"symmetric, {SYMMETRIC_STEPS[0]} + {SYMMETRIC_STEPS[0]} steps",
    "random": "random pairs",
}
NAMES: Mapping[str, str] = {
    **LEARNT,
    **{f"{name}-{seed}": f"{shown}, seed {seed}" for name, shown in OUTSIDE.items() for seed in SEEDS},
    **OTHERS,
}


@cache
def policy_named(name: str, chosen_on: str, evaluated_on: str) -> Policy:
    """Return a policy by its name in `NAMES`, once per digest of the two tables.

    Raises ModelError where a table or the actor is missing, and LinksimError where Stable-Baselines3 is needed and not installed.
    """
    chosen, (kind, _, seed) = load_reward_table(CHOSEN_ON), name.rpartition("-")
    if kind in OUTSIDE:
        return outside_agent(OUTSIDE[kind], chosen, int(seed))
    if name == f"ddpg-{SEEDS[0]}":
        actor = load_model(ACTOR, "policy").network
        assert isinstance(actor, Actor)
        return Ddpg(actor)
    if kind == "ddpg":
        return _policy_of(trained(int(seed), chosen_on))
    if name == "paper-rates":
        return _policy_of(trained(SEEDS[0], chosen_on, papers_rates=True))
    others: Mapping[str, Policy] = {
        "oracle": Oracle(load_reward_table(EVALUATED_ON)),
        "lookup": LookupPolicy(chosen, BIN_DB),
        "best-fixed": BestFixed(chosen.best_fixed(RANGE_DB)),
        "symmetric": BestFixed(SYMMETRIC_STEPS),
        "random": Random(),
    }
    return others[name]


@cache
def trained(seed: int, table: str, papers_rates: bool = False) -> DdpgTrainer:
    """Return the finished training of DDPG, once per digest of its reward table. Raises ModelError if the table is missing.

    papers_rates  learning rates of the paper instead of those of the task
    """
    task = TASKS[ACTOR]
    assert isinstance(task, DdpgTask)
    trainer = DdpgTrainer(replace(task, seed=seed, ddpg=DdpgConfig() if papers_rates else task.ddpg))
    while not trainer.finished:
        trainer.train_step()
    return trainer


def _policy_of(trainer: DdpgTrainer) -> Policy:
    actor = trainer.agent.actor
    actor.load_state_dict(trainer.result())
    return Ddpg(actor)


def outside_agent(algorithm: str, table: RewardTable | AttackTable, seed: int) -> Policy:
    """Train an agent of Stable-Baselines3 on a table, and return it as a policy; on an attack table it observes the disagreement.

    algorithm  name of the class, "TD3" or "SAC"

    Raises LinksimError if Stable-Baselines3 is not installed.
    """
    try:
        import gymnasium
        import stable_baselines3

        import linksim.env
        from linksim.env.agent_policy import AgentPolicy
    except ImportError as fault:
        raise LinksimError(f"training {algorithm} needs the package {fault.name}: pip install stable-baselines3") from fault
    limits, attacked = (float(RANGE_DB[0]), float(RANGE_DB[-1])), isinstance(table, AttackTable)
    if attacked:
        env = gymnasium.make(linksim.env.ATTACKED_SELECTION, attack_table=table, snr_db=limits)
    else:
        env = gymnasium.make(linksim.env.STEP_SELECTION, reward_table=table, snr_db=limits)
    model = getattr(stable_baselines3, algorithm)("MlpPolicy", env, seed=seed, **OUTSIDE_SETTINGS)
    model.learn(OUTSIDE_STEPS)
    return AgentPolicy(lambda observations: model.predict(observations, deterministic=True)[0], observing=attacked)
