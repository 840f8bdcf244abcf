"""A synthetic reward table: smooth, with a best pair of steps that depends on the SNR, as on a real link."""

import numpy as np

from linksim.adapt.reward_table import RewardTable

T_D_NODES = (1, 5, 10, 15, 20, 30, 40, 50)
T_PLUS_NODES = (0, 5, 10, 20, 30, 40, 50)
SNR_NODES_DB = (-6.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0)


def synthetic_reward_table() -> RewardTable:
    """Adv falls and SSIM falls with the diffusion steps; the additional denoising steps should match the noise of the channel.

    The best pair changes from (15, 50) at -6 dB to (30, 5) at 18 dB, and its reward from -0.59 to -0.43. The best fixed pair is (20, 20).
    """
    t_d = np.array(T_D_NODES)[:, None, None]
    t_plus = np.array(T_PLUS_NODES)[None, :, None]
    snr_db = np.array(SNR_NODES_DB)[None, None, :]
    noisy = 1.0 / (1.0 + 10.0 ** ((snr_db - 3.0) / 6.0))  # near 1 at low SNR, near 0 at high SNR
    mismatch = (t_plus - 40.0 * noisy) / 50.0
    ssim = 0.97 - 0.2 * noisy - 0.006 * t_d - 0.35 * mismatch**2
    adv = np.exp(-(t_d + 0.3 * t_plus) / 8.0)
    err = 0.02 + 0.12 * noisy + 0.003 * t_d + 0.2 * mismatch**2 * (1.0 - adv)
    adv, err = 0.95 * adv, np.minimum(err * (1.0 - adv), 1.0)
    ssim, adv, err = np.broadcast_arrays(np.clip(ssim, 0.0, 1.0), adv, err)
    return RewardTable(
        t_d=np.array(T_D_NODES),
        t_plus=np.array(T_PLUS_NODES),
        snr_db=np.array(SNR_NODES_DB),
        ssim=ssim.copy(),
        adv=adv.copy(),
        err=err.copy(),
        robust=1.0 - adv - err,
        clean=np.full(ssim.shape, np.nan),
        images=512,
    )
