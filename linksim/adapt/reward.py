"""The reward of DiffuSeC (Ren et al., Eq. (26)-(31)): likeness of the image, attacks that came through, and damage by the cure.

Differs from the paper: Eq. (30) counts the chain H(x) != H(x_adv) != H(x_final), which read literally does not ask whether the final
class is still wrong; an image that was cured would count as damage. The words around it say "purified into a new category yet still
mistakenly classified", so H(x_final) != H(x) is asked for too.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

ETA = 1.0  # limits the reward (Sec. VI-A)
ETA_SSIM, ETA_ADV, ETA_ERR = -0.8, -0.7, -0.5  # eta_1, eta_2, eta_3

Classes = NDArray[np.integer[Any]]  # H(.), [..., images]
Number = TypeVar("Number", float, NDArray[np.float64])


def adv_share(clean: Classes, attacked: Classes, final: Classes) -> NDArray[np.float64]:
    """Share of images that the attack has changed and that arrive as it wanted: the mean of G, 0..1. [..., images] -> [...]

    clean, attacked, final  class of the image, of the attacked image, and of what Bob has in the end
    """
    share: NDArray[np.float64] = np.mean((clean != attacked) & (attacked == final), axis=-1, dtype=np.float64)  # Eq. (28)
    return share


def err_share(clean: Classes, attacked: Classes, final: Classes) -> NDArray[np.float64]:
    """Share of images that the attack has changed and that arrive as a third class: the mean of J, 0..1. As `adv_share`."""
    third = (clean != attacked) & (attacked != final) & (final != clean)
    share: NDArray[np.float64] = np.mean(third, axis=-1, dtype=np.float64)  # Eq. (30)
    return share


def reward(ssim: Number, adv: Number, err: Number) -> Number:
    """Eq. (31), from the mean SSIM of final and original images (26) and the two shares before their roots.

    At most 0. As no image counts for both shares, at least -1.66 where SSIM is not negative.
    """
    rewards_of: Number = ETA * (ETA_SSIM * (1.0 - ssim) + ETA_ADV * adv**0.5 + ETA_ERR * err**0.5)  # Eq. (27) and (29) are the roots
    return rewards_of
