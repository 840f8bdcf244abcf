"""Words for Bob's policy: how he chooses the diffusion steps (t_D, t_plus) that his REPORT asks for."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from linksim.scenario.base import NAME, Options


class PolicyOptions(Options):
    """What all policies have in common."""

    reset_interval: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="probe rounds after which he starts anew from random steps (the paper's tests: 3); null: never",
    )


class FixedPolicy(PolicyOptions):
    """The steps stay as the scheme has them at first."""

    name: Literal["fixed"] = "fixed"


class RewardTableOptions(PolicyOptions):
    """A policy that reads a reward table."""

    reward_table: str = Field("diffusec-reward-table", pattern=NAME, description="measured reward table of rewards")


class BestFixedPolicy(RewardTableOptions):
    """The one pair of steps whose mean reward over a range of SNRs is highest."""

    name: Literal["best-fixed"]
    low_db: float = Field(0.0, ge=-30, le=60, description="lower end of the range, in dB")
    high_db: float = Field(15.0, ge=-30, le=60, description="upper end of the range, in dB")

    @model_validator(mode="after")
    def _in_order(self) -> "BestFixedPolicy":
        if not self.low_db <= self.high_db:
            raise ValueError(f"low_db must be at most high_db ({self.high_db:g}), got {self.low_db:g}")
        return self


class LookupPolicyOptions(RewardTableOptions):
    """The best pair for each bin of reported SNR."""

    name: Literal["lookup"]
    bin_db: float = Field(3.0, gt=0, le=30, description="width of a bin in dB")


class OraclePolicy(RewardTableOptions):
    """The best pair for the SNR as it is: told what no receiver knows, as a bound for all others."""

    name: Literal["oracle"]


class RandomPolicy(PolicyOptions):
    """Any pair."""

    name: Literal["random"]


class DdpgPolicy(PolicyOptions):
    """A trained actor (deep deterministic policy gradient)."""

    name: Literal["ddpg"]
    actor: str = Field("ddpg-cifar10", pattern=NAME, description="trained model that moves the steps")


def policy_named(value: Any) -> Any:
    """`policy: lookup` for `policy: {name: lookup}`."""
    return {"name": value} if isinstance(value, str) else value


AnyPolicy = FixedPolicy | BestFixedPolicy | LookupPolicyOptions | OraclePolicy | RandomPolicy | DdpgPolicy
PolicySpec = Annotated[AnyPolicy, Field(discriminator="name"), BeforeValidator(policy_named)]
