"""Words for the attack on Alice's images: who pollutes her store before she sends, and how far a pixel may be moved."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from linksim.scenario.base import NAME, Options, by_attack

BOUND, STEP_SIZE = 8 / 255, 2 / 255


class NoSourceAttack(Options):
    """Alice sends her images as they are."""

    attack: Literal["none"] = "none"


class UntargetedAttack(Options):
    """What every attack has: a classifier, whose gradient the attacker knows, is to take each image for something else."""

    target: str | None = Field(None, pattern=NAME, description="trained classifier that is attacked; null: the scenario's own")


class LinfAttack(UntargetedAttack):
    """An attack that moves no pixel by more than a bound."""

    epsilon: float = Field(BOUND, gt=0, le=1, description="most that a pixel is moved, in pixel values of 0..1 (8/255 is 0.0313725)")


class FgsmAttack(LinfAttack):
    """Fast gradient sign method: one step of the whole bound."""

    attack: Literal["fgsm"]


class PgdAttack(LinfAttack):
    """Projected gradient descent (DiffuSeC Sec. VI-A): many small steps, kept within the bound."""

    attack: Literal["pgd"]
    steps: int = Field(10, ge=1, le=10_000, description="steps of the ascent")
    step_size: float = Field(STEP_SIZE, gt=0, le=1, description="length of a step, in pixel values of 0..1 (2/255 is 0.0078431)")


class CarliniWagnerAttack(UntargetedAttack):
    """Carlini and Wagner's: the nearest image, by its squared error, that is mistaken."""

    attack: Literal["carlini-wagner"]
    confidence: float = Field(0.0, ge=0, le=1000, description="by how much the logit of a wrong class is to lead")
    initial_const: float = Field(0.01, gt=0, le=1e6, description="weight of the mistake against the squared error, at first")
    binary_search_steps: int = Field(5, ge=1, le=20, description="weights tried for each image")
    steps: int = Field(100, ge=1, le=10_000, description="steps of Adam for each weight")
    learning_rate: float = Field(0.01, gt=0, le=1, description="step size of Adam, where the range of a pixel has no end")


AnySourceAttack = FgsmAttack | PgdAttack | CarliniWagnerAttack
SourceAttack = Annotated[NoSourceAttack | AnySourceAttack, Field(discriminator="attack"), BeforeValidator(by_attack)]
