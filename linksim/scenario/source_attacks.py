"""Options of attacks on Alice's images before she sends them."""

from typing import Annotated, Literal

from pydantic import Field

from linksim.scenario.base import NAME, ComponentOf, Options, base_of, component

BOUND, STEP_SIZE = 8 / 255, 2 / 255


@base_of("source-attack")
class SourceAttackOptions(Options):
    """Base of the options of every attack on the source."""

    attack: str


@component("source-attack")
class NoSourceAttack(SourceAttackOptions):
    """Alice's images are not attacked."""

    attack: Literal["none"] = "none"


class UntargetedAttack(SourceAttackOptions):
    """Base of untargeted white-box attacks on a classifier."""

    target: str | None = Field(None, pattern=NAME, description="trained classifier to attack; null for the scenario's own")


class LinfAttack(UntargetedAttack):
    """Base of attacks within an l-infinity ball."""

    epsilon: float = Field(BOUND, gt=0, le=1, description="radius of the l-infinity ball, pixels in 0..1 (8/255 is 0.0313725)")


@component("source-attack", "linksim.simulate.source_attack_factory:make_fgsm")
class FgsmAttack(LinfAttack):
    """Fast gradient sign method: one step of size epsilon."""

    attack: Literal["fgsm"] = "fgsm"


@component("source-attack", "linksim.simulate.source_attack_factory:make_pgd")
class PgdAttack(LinfAttack):
    """Projected gradient descent (DiffuSeC Sec. VI-A)."""

    attack: Literal["pgd"] = "pgd"
    steps: int = Field(10, ge=1, le=10_000, description="number of steps")
    step_size: float = Field(STEP_SIZE, gt=0, le=1, description="step size, pixels in 0..1 (2/255 is 0.0078431)")


@component("source-attack", "linksim.simulate.source_attack_factory:make_carlini_wagner")
class CarliniWagnerAttack(UntargetedAttack):
    """Carlini and Wagner's l2 attack: the nearest misclassified image."""

    attack: Literal["carlini-wagner"] = "carlini-wagner"
    confidence: float = Field(0.0, ge=0, le=1000, description="margin by which the logit of a wrong class must lead")
    initial_const: float = Field(0.01, gt=0, le=1e6, description="initial weight of the misclassification loss against the squared error")
    binary_search_steps: int = Field(5, ge=1, le=20, description="weights tried per image")
    steps: int = Field(100, ge=1, le=10_000, description="Adam steps per weight")
    learning_rate: float = Field(0.01, gt=0, le=1, description="step size of Adam, in the unbounded variable")


SourceAttack = Annotated[SourceAttackOptions, ComponentOf(("source-attack",))]
