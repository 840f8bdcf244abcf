"""linksim/AttackedSelection-v0: `step_selection` under an attack whose strength is drawn for every episode, with an observation of it.

    strength --> disagreement: share of the images whose class changes when Bob denoises them --> observation

It extends the paper's decision process by a state of nature (docs/adaptation.md). Rewards and disagreement are those of an attack table.

>>> import linksim.env, gymnasium
>>> env = gymnasium.make(linksim.env.ATTACKED_SELECTION)
>>> observation, info = env.reset(seed=1, options={"steps": (10, 5), "snr_db": 6.0, "strength": 2.0})
>>> observation.shape, info["strength"], 0.0 <= info["disagreement"] <= 1.0
((4,), 2.0, True)
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from linksim.adapt.attack_table import AttackTable, load_attack_table
from linksim.adapt.snr_process import Decibels
from linksim.env.spaces import ATTACK_OBSERVATION, Floats, observations_of
from linksim.env.step_selection import StepSelection
from linksim.errors import LinksimError


class AttackedSelection(StepSelection):
    """Rounds on an attack table, without end; see `StepSelection` for actions, reward and the other arguments.

    Observation  float32 [4]: t_D, t_plus, reported SNR and disagreement, each about -1..1 over its range (`adapt.mdp.state`)

    attack_table  name of a measured attack table, or an `AttackTable`
    images        images that Bob receives in a round, of which the disagreement is the share

    Raises ModelError if the attack table is missing, LinksimError for values out of range.
    """

    def __init__(self, attack_table: str | AttackTable = "diffusec-attack-rewards", images: int = 16, **settings: Any) -> None:
        if not isinstance(images, int) or images < 1:
            raise LinksimError(f"images must be a whole number of at least 1, got {images!r:.80}")
        self.attack_table = load_attack_table(attack_table) if isinstance(attack_table, str) else attack_table
        super().__init__(self.attack_table.tables[0], **settings)
        self._images, self._strength, self._disagreement = images, 0, np.zeros(1)
        self.observation_space = deepcopy(ATTACK_OBSERVATION)

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """Begin an episode -> observation float32 [4], info with t_d, t_plus, the true snr_db, strength and disagreement.

        options  those of `StepSelection.reset`, and `strength`, one of those of the table, random by default

        What is observed first is what the first steps would have shown. Raises LinksimError for other options and for values out of range.
        """
        given, known = dict(options or {}), self.attack_table.strengths.tolist()
        strength = given.pop("strength", None)
        if strength is not None and strength not in known:
            raise LinksimError(f"option strength must be one of {', '.join(f'{value:g}' for value in known)}, got {strength!r:.80}")
        super().reset(seed=seed, options=given)
        self._strength = int(self.np_random.integers(len(known))) if strength is None else known.index(strength)
        self.reward_table = self.attack_table.tables[self._strength]
        self._observe(self._true_db)
        return self._observation(), self._info()

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Run one round; see `StepSelection.step`. The disagreement is that of its images, the regret that for the true strength."""
        true_db = self._true_db
        _, reward, terminated, truncated, info = super().step(action)
        self._observe(true_db)
        return self._observation(), reward, terminated, truncated, info | {"disagreement": float(self._disagreement[0])}

    def _observe(self, true_db: Decibels) -> None:
        """Draw the disagreement of a round's images at the steps in force. `true_db` is the SNR of the round in dB, [1]."""
        expected = self.attack_table.disagreements(self._steps, true_db)[self._strength]
        self._disagreement = self.np_random.binomial(self._images, expected) / self._images

    def _observation(self) -> Floats:
        observation: Floats = observations_of(self._steps, self._reported_db, self._disagreement)[0]
        return observation

    def _info(self) -> dict[str, Any]:
        strength = float(self.attack_table.strengths[self._strength])
        return super()._info() | {"strength": strength, "disagreement": float(self._disagreement[0])}
