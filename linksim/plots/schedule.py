"""Figure of a diffusion schedule: amplitude of signal and noise, and the equivalent SNR, over the step."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from linksim.plots.plot_style import freeze_layout, plot_style


@plot_style()
def schedule_figure(abar: NDArray[np.floating], snr_db: NDArray[np.floating]) -> Figure:
    """Draw a schedule in two panels, one above the other.

    abar    share of signal power left at step 1..T, float [T]
    snr_db  equivalent SNR of the same steps in dB, float [T]
    """
    steps = np.arange(1, len(abar) + 1)
    figure = Figure(figsize=(6.0, 5.0))
    figure.suptitle("Schedule of the self-noising (DiffSem Fig. 3)")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(steps, np.sqrt(abar), label="signal")
    above.plot(steps, np.sqrt(1.0 - abar), linestyle="--", label="noise")
    above.set(ylabel="amplitude", ylim=(0, 1.02))
    above.legend(loc="center right")
    balanced = int(np.abs(snr_db).argmin())
    below.plot(steps, snr_db)
    below.plot(steps[balanced], snr_db[balanced], marker="o", color="black")
    place = (float(steps[balanced]), float(snr_db[balanced]))
    below.annotate(f"t = {place[0]:.0f}: {place[1]:.2f} dB", place, (12, 8), textcoords="offset points")
    below.set(ylabel="equivalent SNR (dB)", xlabel="step t", ylim=(-25, 30))
    return freeze_layout(figure)
