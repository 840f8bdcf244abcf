"""Figures of the study `paper` from kept results.

study-steps.png   steps and accuracy under attack against the SNR: what the table of test images has as its best, and what policies choose
study-regret.png  regret against the delay of a report, a panel for each error of the reports
study-curves.png  learning curves of DDPG, mean and band over seeds
"""

from collections.abc import Sequence

import numpy as np

from linksim.papers.diffusec.experiments import SNRS_DB
from linksim.papers.diffusec.learning_curve import kept_curve
from linksim.papers.diffusec.policies import DELAYS, ERRORS_DB
from linksim.papers.diffusec.study import curve_key, regret_key, steps_key
from linksim.papers.diffusec.study_policies import AGENTS, LEARNT, OTHERS
from linksim.plots.learning_curve import learning_curve_figure
from linksim.plots.plot_style import save
from linksim.plots.sweeps import SweepLine, SweepPanel, sweep_figure
from linksim.reproduction.paper import Figures
from linksim.reproduction.results import ResultStore
from linksim.statistics import Interval, student_interval

SHOWN = ("oracle", "lookup", "best-fixed")  # policies beside the agents
DRAWN = (*(seed for seeds in AGENTS.values() for seed in seeds), *SHOWN)
QUANTITIES = {"t_d": "t_D", "t_plus": "t_plus", "robust": "accuracy under attack"}


def study_figures(results: ResultStore) -> Figures:
    """Draw the figures whose results are complete."""
    return steps_figure(results) + regret_figure(results) + curves_figure(results)


def lines(results: ResultStore, keys: dict[str, dict[float, str]], metric: str) -> tuple[SweepLine, ...]:
    """Return a line for each kind of agent, over its seeds, and one for each policy of `SHOWN`.

    keys  keys of the experiments by abscissa, by policy
    """
    found = [
        SweepLine(f"{agent}, mean over seeds", tuple(keys[seeds[0]]), over_seeds(results, [keys[seed] for seed in seeds], metric))
        for agent, seeds in AGENTS.items()
    ]
    for policy in SHOWN:
        values = tuple(results[key].interval(metric) for key in keys[policy].values())
        found.append(SweepLine(OTHERS[policy], tuple(keys[policy]), values))
    return tuple(found)


def over_seeds(results: ResultStore, keys: Sequence[dict[float, str]], metric: str) -> tuple[Interval, ...]:
    """Return the mean over the seeds of an agent at each abscissa, with Student's interval over seeds.

    keys  keys of the experiments by abscissa, of each seed
    """
    means = np.array([[results[key].samples[metric].mean() for key in of.values()] for of in keys])
    return tuple(student_interval(column) for column in means.T)


def steps_figure(results: ResultStore) -> Figures:
    """study-steps.png: steps and accuracy against the SNR."""
    keys = {policy: {float(snr_db): steps_key(policy, snr_db) for snr_db in SNRS_DB} for policy in DRAWN}
    if any(key not in results for of in keys.values() for key in of.values()):
        return Figures()
    panels = [SweepPanel(name, name, lines(results, keys, metric)) for metric, name in QUANTITIES.items()]
    figure = sweep_figure("Steps of the policies and accuracy on test images (study `paper`)", panels)
    return Figures(drawn=(save(figure, results.folder / "study-steps.png"),))


def regret_figure(results: ResultStore) -> Figures:
    """study-regret.png: regret against the delay of a report."""
    panels = []
    for error_db in ERRORS_DB:
        keys = {policy: {float(delay): regret_key(policy, delay=delay, error_db=error_db) for delay in DELAYS} for policy in DRAWN}
        if any(key not in results for of in keys.values() for key in of.values()):
            return Figures()
        panels.append(SweepPanel(f"error {error_db:g} dB", "regret", lines(results, keys, "regret"), "delay of a report (rounds)"))
    highest = max(value.high for panel in panels for line in panel.lines for value in line.values)
    figure = sweep_figure("Regret on held-out channels (study `paper`)", panels, limits=(0.0, 1.1 * highest))
    return Figures(drawn=(save(figure, results.folder / "study-regret.png"),))


def curves_figure(results: ResultStore) -> Figures:
    """study-curves.png: the learning curves of all seeds."""
    keys = [curve_key(policy) for policy in LEARNT]
    if any(key not in results for key in keys):
        return Figures()
    title = "Learning to choose diffusion steps, codec without SNR"
    return Figures(
        drawn=(save(learning_curve_figure(title, [kept_curve(results[key]) for key in keys]), results.folder / "study-curves.png"),)
    )
