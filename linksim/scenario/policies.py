"""Options of Bob's policy, which chooses the negotiated parameters that his REPORT requests.

In every probe round Bob measures the SNR from the pilots of PROBE, and the policy maps (current parameters, measured SNR) to new ones.
Alice uses them once she has received the REPORT. `linksim.adapt.policy` has the policies, `linksim.adapt.reward` the reward that compares
them.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from linksim.cost import Cost, NetworkUse, Traffic
from linksim.negotiation import NegotiatedParameters
from linksim.scenario.base import NAME, ComponentOf, ComponentOptions, base_of, component
from linksim.scenario.schemes import CodingMode, DiffusionSteps, SelfNoiseStep


@base_of("policy")
class PolicyOptions(ComponentOptions):
    """Base of the options of every policy.

    name    name of the component
    Chosen  negotiated parameters that the policy chooses; None for those of any scheme
    """

    name: str
    Chosen: ClassVar[type[NegotiatedParameters] | None] = None
    reset_interval: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="probe rounds after which the parameters restart at random (DiffuSeC tests: 3); null for never",
    )


@component("policy", "linksim.simulate.policy_factory:make_fixed")
class FixedPolicy(PolicyOptions):
    """The parameters keep their initial values."""

    name: Literal["fixed"] = "fixed"


class RewardTableOptions(PolicyOptions):
    """Base of the options of a policy that reads a reward table: rewards measured on a grid of t_d, t_plus and SNR (docs/adaptation.md)."""

    Chosen: ClassVar[type[NegotiatedParameters] | None] = DiffusionSteps
    reward_table: str = Field("diffusec-reward-table", pattern=NAME, description="reward table, measured beforehand")


@component("policy", "linksim.simulate.policy_factory:make_best_fixed")
class BestFixedPolicy(RewardTableOptions):
    """The one choice of parameters with the highest mean reward over a range of SNR."""

    name: Literal["best-fixed"] = "best-fixed"
    low_db: float = Field(0.0, ge=-30, le=60, description="lower end of the range, in dB")
    high_db: float = Field(15.0, ge=-30, le=60, description="upper end of the range, in dB")

    @model_validator(mode="after")
    def _in_order(self) -> "BestFixedPolicy":
        if not self.low_db <= self.high_db:
            raise ValueError(f"low_db must be at most high_db ({self.high_db:g}), got {self.low_db:g}")
        return self


@component("policy", "linksim.simulate.policy_factory:make_lookup")
class LookupPolicyOptions(RewardTableOptions):
    """The best choice for each bin of reported SNR.

    It is the choice with the highest mean reward over the bin.
    """

    name: Literal["lookup"] = "lookup"
    bin_db: float = Field(3.0, gt=0, le=30, description="width of a bin in dB")


@component("policy", "linksim.simulate.policy_factory:make_oracle")
class OraclePolicy(RewardTableOptions):
    """The best choice for the true SNR, which no receiver knows: an upper bound for all other policies."""

    name: Literal["oracle"] = "oracle"


class AttackTableOptions(PolicyOptions):
    """Base of the options of a policy that reads an attack table: rewards measured for several strengths of the attack."""

    Chosen: ClassVar[type[NegotiatedParameters] | None] = DiffusionSteps
    attack_table: str = Field("diffusec-attack-rewards", pattern=NAME, description="attack table, measured beforehand")


@component("policy", "linksim.simulate.policy_factory:make_attack_lookup")
class AttackLookupOptions(AttackTableOptions):
    """The best choice for each bin of reported SNR and for what Bob observes of the attack.

    He classifies every image before and after he denoises it. How often the class changes tells how strong the attack is.
    """

    name: Literal["attack-lookup"] = "attack-lookup"
    bin_db: float = Field(3.0, gt=0, le=30, description="width of a bin in dB")
    observing: bool = Field(True, description="false for the same policy that sees the SNR alone, where each strength is as likely")

    def cost(self, traffic: Traffic) -> Cost:
        if not self.observing or not traffic.classifier:
            return Cost()
        return Cost(networks=(NetworkUse(traffic.classifier, per_image=2.0),), rows={"disagreements": traffic.rounds})


@component("policy", "linksim.simulate.policy_factory:make_attack_oracle")
class AttackOracleOptions(AttackTableOptions):
    """The best choice for the true SNR and the true strength of the attack, which no receiver knows: an upper bound."""

    name: Literal["attack-oracle"] = "attack-oracle"


@component("policy", "linksim.simulate.policy_factory:make_random")
class RandomPolicy(PolicyOptions):
    """A random choice in every round."""

    Chosen: ClassVar[type[NegotiatedParameters] | None] = DiffusionSteps
    name: Literal["random"] = "random"


@component("policy", "linksim.simulate.policy_factory:make_ddpg")
class DdpgPolicy(PolicyOptions):
    """A trained actor (deep deterministic policy gradient).

    The actor of DiffuSeC maps t_d, t_plus and the measured SNR to a change of both steps, of at most 25 per round.
    """

    Chosen: ClassVar[type[NegotiatedParameters] | None] = DiffusionSteps
    name: Literal["ddpg"] = "ddpg"
    actor: str = Field("ddpg-cifar10", pattern=NAME, description="trained actor")

    def cost(self, traffic: Traffic) -> Cost:
        return Cost(networks=(NetworkUse(self.actor, per_image=traffic.rounds / (traffic.frames * traffic.images)),))


@component("policy", "linksim.simulate.policy_factory:make_self_noise")
class SelfNoisePolicy(PolicyOptions):
    """The most self-noise of DiffSem that leaves Bob a wanted accuracy at the measured SNR, by a table that was measured beforehand."""

    Chosen: ClassVar[type[NegotiatedParameters] | None] = SelfNoiseStep
    name: Literal["self-noise"] = "self-noise"
    wanted_accuracy: float = Field(0.9, gt=0, le=1, description="accuracy that Bob's receiver must keep")
    accuracy_table: str = Field("diffsem-accuracy-mnist", pattern=NAME, description="accuracy of Bob's receiver over t_prime and SNR")


@component("policy", "linksim.simulate.policy_factory:make_link_adaptation")
class LinkAdaptationPolicy(PolicyOptions):
    """The highest mode of an adaptive digital link that loses at most one image in a hundred at the measured SNR over AWGN."""

    Chosen: ClassVar[type[NegotiatedParameters] | None] = CodingMode
    name: Literal["link-adaptation"] = "link-adaptation"
    margin_db: float = Field(0.0, ge=-30, le=30, description="dB by which the measured SNR must exceed what a mode requires")


PolicySpec = Annotated[PolicyOptions, ComponentOf(("policy",))]
