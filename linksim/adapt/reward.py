"""The reward of DiffuSeC (Ren et al., Eq. (26)-(31)): image similarity, success of the attack, and new errors of the purification.

Differs from the paper: Eq. (30) counts the chain H(x) != H(x_adv) != H(x_final). Read literally, it also counts images whose final class
is correct again. The text says "purified into a new category yet still mistakenly classified", so H(x_final) != H(x) is required too.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

ETA = 1.0  # scales the reward (Sec. VI-A)
ETA_SSIM, ETA_ADV, ETA_ERR = -0.8, -0.7, -0.5  # eta_1, eta_2, eta_3

Classes = NDArray[np.integer[Any]]  # H(.), [..., images]
Number = TypeVar("Number", float, NDArray[np.float64])


def adv_share(clean: Classes, attacked: Classes, final: Classes) -> NDArray[np.float64]:
    """Share of images on which the attack succeeds at Bob: the mean of G (Eq. 28), 0..1. [..., images] -> [...]

    An image counts if the attack changes its class and Bob's reconstruction has the class of the attacked image.

    clean, attacked, final  class of the original image, of the attacked image, and of Bob's reconstruction

    >>> adv_share(np.array([0, 1, 2, 3]), np.array([0, 5, 5, 5]), np.array([0, 5, 2, 7])).item()
    0.25
    """
    share: NDArray[np.float64] = np.mean((clean != attacked) & (attacked == final), axis=-1, dtype=np.float64)  # Eq. (28)
    return share


def err_share(clean: Classes, attacked: Classes, final: Classes) -> NDArray[np.float64]:
    """Share of images that the attack changes and that Bob's classifier puts into a third class: the mean of J (Eq. 30), 0..1.

    Arguments and shapes are those of `adv_share`.

    >>> err_share(np.array([0, 1, 2, 3]), np.array([0, 5, 5, 5]), np.array([0, 5, 2, 7])).item()
    0.25
    """
    third = (clean != attacked) & (attacked != final) & (final != clean)
    share: NDArray[np.float64] = np.mean(third, axis=-1, dtype=np.float64)  # Eq. (30)
    return share


def reward(ssim: Number, adv: Number, err: Number) -> Number:
    """Eq. (31), from the mean SSIM of reconstructed and original images (26) and the shares of `adv_share` and `err_share`.

    At most 0, and at least -1.66 where SSIM is not negative, because no image counts for both shares.

    >>> round(reward(0.9, 0.25, 0.0), 3)
    -0.43
    """
    weighted: Number = ETA * (ETA_SSIM * (1.0 - ssim) + ETA_ADV * adv**0.5 + ETA_ERR * err**0.5)  # Eq. (27) and (29) are the roots
    return weighted
