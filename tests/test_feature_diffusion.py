"""DiffSem's diffusion of features against the closed forms of Eqs. (9) to (24)."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from linksim.feature_diffusion import (
    ABAR,
    STEPS,
    abar_with_margin,
    ddim,
    equivalent_snr_db,
    noise_steps_for,
    self_noise,
    step_of_noise,
)

ALPHA = [1e-4 + (2e-2 - 1e-4) / (STEPS - 1) * (t - 1) for t in range(1, STEPS + 1)]  # Eq. (12), the share of noise per step


def features(count: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Features of unit mean square per item, and standard normal noise, [count, 1, 8, 8] each."""
    draw = torch.Generator().manual_seed(seed)
    found, noise = torch.randn(2, count, 1, 8, 8, generator=draw)
    return found / found.square().mean(dim=(1, 2, 3), keepdim=True).sqrt(), noise


def steps(*values: int) -> Tensor:
    return torch.tensor(values)


def test_the_schedule_is_the_product_of_the_steps() -> None:
    """abar_t = prod (1 - alpha_i), Eq. (10)."""
    product = 1.0
    for step, alpha in enumerate(ALPHA, start=1):
        product *= 1.0 - alpha
        assert ABAR[step].item() == pytest.approx(product, rel=1e-5)


def test_single_steps_add_up_to_the_direct_sample() -> None:
    """Iterating the mean and the variance of Eq. (9) gives those of Eq. (10)."""
    mean, variance = 1.0, 0.0
    for step, alpha in enumerate(ALPHA, start=1):
        mean, variance = math.sqrt(1.0 - alpha) * mean, (1.0 - alpha) * variance + alpha
        if step in (1, 67, 184, 344, STEPS):
            assert mean == pytest.approx(math.sqrt(ABAR[step].item()), rel=1e-5)
            assert variance == pytest.approx(1.0 - ABAR[step].item(), abs=1e-6)


@pytest.mark.parametrize(("step", "snr_db"), [(184, 0.01), (67, 10.0), (344, -10.0), (150, 2.3)])
def test_equivalent_snrs_are_those_of_the_paper(step: int, snr_db: float) -> None:
    """Fig. 3, Fig. 6 and Sec. IV-C, Eq. (13)."""
    assert equivalent_snr_db(step) == pytest.approx(snr_db, abs=0.03)


@pytest.mark.parametrize("step", [67, 150, 184, 344])
def test_self_noise_has_the_equivalent_snr(step: int) -> None:
    sent, noise = features(4000)
    at = steps(step).expand(4000)
    noisy = self_noise(sent, at, at, noise)
    signal = ABAR[step].item()
    measured = 10 * math.log10(signal / (noisy - math.sqrt(signal) * sent).square().mean().item())
    assert measured == pytest.approx(equivalent_snr_db(step), abs=0.05)


@pytest.mark.parametrize("num_calls", [1, 5, 50, None])
def test_ddim_undoes_noise_that_is_known(num_calls: int | None) -> None:
    """With the true noise in place of the prediction, Eq. (16) returns to f from any step."""
    sent, noise = features(4)
    at = steps(0, 1, 150, 300)
    found = ddim(lambda x, step, rows: noise[rows], self_noise(sent, at, at, noise), at, num_calls)
    assert torch.allclose(found, sent, atol=2e-4)


def test_ddim_of_gaussian_features_is_a_product_of_cosines() -> None:
    """For f ~ N(0, 1) the best prediction of the noise is sqrt(1 - abar) x, and Eq. (16) multiplies x by cos(angle - next angle)."""
    x = features(3)[0]
    at = steps(300, 300, 120)

    def best(x: Tensor, step: Tensor, rows: Tensor) -> Tensor:
        return (1.0 - ABAR[step]).sqrt()[:, None, None, None] * x

    found = ddim(best, x, at, num_calls=3)
    for row, stops in enumerate(([300, 200, 100, 0], [300, 200, 100, 0], [120, 80, 40, 0])):
        angles = [math.acos(math.sqrt(ABAR[stop].item())) for stop in stops]
        factor = math.prod(math.cos(here - there) for here, there in pairwise(angles))
        assert torch.allclose(found[row], factor * x[row], atol=1e-5)


def test_items_of_a_ragged_batch_do_not_depend_on_each_other() -> None:
    sent, noise = features(6)
    at = steps(0, 7, 300, 499, 42, 300)

    def model(x: Tensor, step: Tensor, rows: Tensor) -> Tensor:
        return torch.tanh(x) * (step / STEPS)[:, None, None, None] + 0.1 * noise[rows]

    together = ddim(model, sent, at, num_calls=5)
    for row in range(6):
        alone = ddim(lambda x, step, _, row=row: model(x, step, torch.tensor([row])), sent[row : row + 1], at[row : row + 1], num_calls=5)
        assert torch.allclose(together[row], alone[0], atol=1e-6)


@given(step=st.integers(1, STEPS), snr_db=st.floats(-10, 40), power=st.floats(0.2, 2))
def test_the_margin_solves_the_balance_of_powers(step: int, snr_db: float, power: float) -> None:
    """Eq. (24) in Eq. (26): own noise and channel noise together have the power of step T', Eq. (22)."""
    abar, snr = ABAR[step].double(), torch.tensor(10 ** (snr_db / 10), dtype=torch.float64)
    margin = abar_with_margin(abar, snr, power)
    channel_noise = (abar * power + 1.0 - margin) / snr  # Eq. (23), of the power that is radiated
    assert (1.0 - margin + channel_noise).item() == pytest.approx(1.0 - abar.item(), abs=1e-9)


@given(step=st.integers(0, STEPS), snr_db=st.floats(-20, 60))
def test_the_step_of_the_noise_is_the_largest_allowed(step: int, snr_db: float) -> None:
    """Footnote 4: the largest step with an abar that is not below Eq. (24), at most T', and 0 where there is none."""
    snr = 10 ** (snr_db / 10)
    found = int(noise_steps_for(steps(step), torch.tensor([snr])).item())
    wanted = ABAR[step].item() + 1.0 / snr  # Eq. (24) for 1 / N0 = snr
    assert 0 <= found <= step
    assert found == 0 or ABAR[found].item() >= wanted - 1e-5
    assert found == step or ABAR[found + 1].item() < wanted + 1e-5


@pytest.mark.parametrize("snr_db", [-5, 0, 5, 10, 15])
@pytest.mark.parametrize("step", [100, 200, 300, 400])
def test_received_noise_is_that_of_the_agreed_step(snr_db: float, step: int) -> None:
    """Eq. (22), measured: within one step of T' wherever Alice adds noise at all. The SNR is that of the radiated power, as in Eq. (23)."""
    sent, noise = features(4000)
    snr = 10 ** (snr_db / 10)
    at = steps(step).expand(4000)
    own = noise_steps_for(at, torch.full((4000,), 1.0 + snr))
    radiated = self_noise(sent, at, own, noise)
    channel_noise = (radiated.square().mean() / snr).sqrt() * torch.randn(sent.shape, generator=torch.Generator().manual_seed(2))
    measured = (radiated + channel_noise - ABAR[step].sqrt() * sent).square().mean().item()
    if int(own[0]) > 0:
        lowest, highest = 1.0 - ABAR[step - 1].item(), 1.0 - ABAR[min(step + 1, STEPS)].item()
        assert lowest - 0.01 <= measured <= highest + 0.01
    else:
        assert measured >= 1.0 - ABAR[step].item() - 0.01


@given(step=st.integers(1, STEPS), level=st.floats(0.1, 10))
def test_a_step_is_found_from_its_powers_at_any_scale(step: int, level: float) -> None:
    abar = ABAR[step].item()
    found, scale = step_of_noise(torch.tensor([level * abar]), torch.tensor([level * (1.0 - abar)]))
    assert abs(int(found) - step) <= 1
    assert scale.item() == pytest.approx(level**-0.5, rel=1e-5)
