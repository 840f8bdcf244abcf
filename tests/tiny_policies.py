"""A training task of DDPG that is small enough for a test: the synthetic reward table and a few steps."""

from dataclasses import dataclass
from functools import cached_property

from synthetic_reward_table import synthetic_reward_table

from linksim.adapt.reward_table import RewardTable
from linksim.training.ddpg import DdpgTask


@dataclass(frozen=True)
class SyntheticDdpg(DdpgTask):
    """A DDPG task on the synthetic reward table, which has no file."""

    @property
    def digest(self) -> str:
        return "synthetic"

    def require_split(self) -> None:
        """Accept the table, which no images were measured for."""

    @cached_property
    def rewards(self) -> RewardTable:
        return synthetic_reward_table()
