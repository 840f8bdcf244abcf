"""Lesson of the policy that chooses diffusion steps: DDPG (Ren et al., Sec. VI) against an atlas. `train.apprentice` runs it.

Differs from the paper: its channel is constant over an episode as far as it says; here the SNR wanders about the episode's mean
(`Fluctuation`), as on the links that the policy is for. It names neither the exploration noise nor the minibatch. The learner is told
rewards less what is usual at their SNR (`apprentice.Usual`), and what is kept is the actor that lost least on the way.
"""

from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from linksim.adapt.atlas import Atlas
from linksim.adapt.atlas_file import load_atlas
from linksim.adapt.curve import Standing
from linksim.adapt.ddpg import Rates, act
from linksim.adapt.episode import Fluctuation
from linksim.adapt.mdp import REACH, Steps, moved, random_steps, state
from linksim.nets.cards import Score
from linksim.nets.policy import Actor, saturated
from linksim.nets.weights import find_file, sha256_of
from linksim.rng import Streams

SCORED_DB, SCORED_STARTS = (-3.0, 0.0, 5.0, 10.0, 15.0), 1_000


@dataclass(frozen=True)
class DdpgLesson:
    """Trains an `Actor`. Defaults that the paper gives are the paper's.

    atlas         whose rewards it learns from
    steps         environment steps, with one update after each from `random_steps` on
    random_steps  steps of random action before that
    rounds        steps of an episode, L
    minibatch     transitions of an update
    noise         standard deviation of the Gaussian exploration noise, as a share of the reach
    fluctuation   of the SNR, over an episode and from episode to episode
    """

    atlas: str
    steps: int = 10_000
    random_steps: int = 2_500
    rounds: int = 3
    minibatch: int = 128
    noise: float = 0.1
    rates: Rates = field(default_factory=Rates)
    fluctuation: Fluctuation = field(default_factory=Fluctuation)
    seed: int = 1
    kind: str = field(default="policy", init=False)
    conditions: tuple[str, ...] = field(default=tuple(f"last round at {snr_db:g} dB" for snr_db in SCORED_DB), init=False)

    @property
    def config(self) -> dict[str, object]:
        return {"reach": REACH}

    @property
    def recipe(self) -> dict[str, object]:
        """The atlas' values belong to it: from another one, a policy learns anew."""
        told = {name: getattr(self, name) for name in ("atlas", "random_steps", "rounds", "minibatch", "noise")}
        return told | {"rates": asdict(self.rates), "fluctuation": asdict(self.fluctuation), "atlas_sha256": self.digest}

    @property
    def digest(self) -> str:
        """Of the atlas' file. Raises ModelError where there is none."""
        return sha256_of(find_file(self.atlas, "atlas"))

    @cached_property
    def rewards(self) -> Atlas:
        """Raises ModelError where there is none."""
        return load_atlas(self.atlas)

    def scores(self, actor: Actor) -> tuple[Score, ...]:
        """What is lost against the best steps in the last round of an episode, for each of `conditions`."""
        starts = random_steps(Streams(self.seed)("scores"), SCORED_STARTS)
        regrets = (standing(actor, self.rewards, snr_db, starts, self.rounds).regret for snr_db in SCORED_DB)
        return tuple(Score("regret", told, round(regret, 4), SCORED_STARTS) for told, regret in zip(self.conditions, regrets, strict=True))


def standing(actor: Actor, atlas: Atlas, snr_db: float, starts: Steps, rounds: int, step: int = 0) -> Standing:
    """How an actor stands at one SNR, from starts [n, 2] over so many rounds, without noise; `step` tells how long it has learnt."""
    level_db = np.full(len(starts), snr_db)
    steps, seen = starts, list[tuple[float, ...]]()
    for _ in range(rounds):
        actions = act(actor, state(steps, level_db))
        steps = moved(steps, actions)
        found = atlas.components(steps, level_db)
        had = atlas.reward(steps, level_db)
        adv, err = np.sqrt(found.adv), np.sqrt(found.err)  # Eq. (27), (29)
        seen.append(tuple(float(np.mean(of)) for of in (had, found.ssim, adv, err, saturated(actions, actor.reach))))
    reward, ssim, adv_mean, err_mean, flat = np.mean(seen, axis=0).tolist()
    best = atlas.reward(atlas.best(level_db), level_db)
    t_d, t_plus = steps.mean(axis=0).tolist()
    return Standing(step, snr_db, reward, ssim, adv_mean, err_mean, float(np.mean(best - had)), t_d, t_plus, flat)
