"""The paper's Figs. 4, 5, 7 and 8 from kept results: Eve on the undefended link, and Bob with and without a hidden image."""

from linksim.papers.covert import suspicion_figures
from linksim.papers.covert.attacks import ATTACKS
from linksim.papers.covert.experiments import CHANNEL_NAMES, CHANNELS, HIDERS, LIKENESS, PLAIN_LINKS, SNRS_DB, bob, eve
from linksim.plots.plot_style import save
from linksim.plots.sweeps import SweepLine, SweepPanel, sweep_figure
from linksim.reproduction.paper import Figures
from linksim.reproduction.results import ResultStore

QUANTITIES = {"psnr_db": "PSNR (dB)", "ms_ssim": "MS-SSIM", "lpips": "LPIPS (lower is better)"}
SEEN_BY_EVE = {"awgn": "fig4", "rayleigh": "fig5"}  # figure of each channel
RECEIVED_BY_BOB = {"awgn": "fig7", "rayleigh": "fig8"}


def all_figures(results: ResultStore) -> Figures:
    """Draw the figures of which at least one line is measured."""
    found = Figures()
    for channel in CHANNELS:
        found += eavesdropped(channel, results) + received(channel, results)
    return found + suspicion_figures.all_figures(results)


def line(label: str, keys: dict[int, str], metric: str, results: ResultStore) -> list[SweepLine]:
    """Return the line over the SNRs that are measured, an empty list where none is.

    keys  keys of the experiments by SNR in dB
    """
    known = {snr_db: name for snr_db, name in keys.items() if name in results}
    if not known:
        return []
    return [SweepLine(label, tuple(map(float, known)), tuple(results[name].interval(metric) for name in known.values()))]


def eavesdropped(channel: str, results: ResultStore) -> Figures:
    """fig4.png or fig5.png: PSNR, MS-SSIM and LPIPS of every attack on the undefended link, of the attacks measured at several SNRs."""
    panels = []
    for metric in LIKENESS:
        lines = []
        for attack, found in ATTACKS.items():
            lines += line(found.name, {snr_db: eve(channel, snr_db, attack) for snr_db in SNRS_DB}, metric, results)
        panels.append(SweepPanel(QUANTITIES[metric], QUANTITIES[metric], tuple(one for one in lines if len(one.x) > 1)))
    title = f"Eve on the undefended link, {CHANNEL_NAMES[channel]} (Tang et al. {_number(SEEN_BY_EVE[channel])})"
    return _drawn(title, SEEN_BY_EVE[channel], panels, results)


def received(channel: str, results: ResultStore) -> Figures:
    """fig7.png or fig8.png: PSNR, MS-SSIM and LPIPS of Bob's host images, and of his private images, with every hider and without.

    Links with keys are left out, because keys do not change Bob's images.
    """
    links = dict(PLAIN_LINKS) | {hider: found.name for hider, found in HIDERS.items() if not found.keyed}
    panels = []
    for view in ("host", "private"):
        for metric in LIKENESS:
            lines = []
            for link, name in links.items():
                lines += line(name, {snr_db: bob(link, channel, snr_db) for snr_db in SNRS_DB}, f"bob-{view}:{metric}", results)
            panels.append(SweepPanel(f"{view} image: {QUANTITIES[metric]}", QUANTITIES[metric], tuple(lines)))
    title = f"Bob with and without a hidden image, {CHANNEL_NAMES[channel]} (Tang et al. {_number(RECEIVED_BY_BOB[channel])})"
    return _drawn(title, RECEIVED_BY_BOB[channel], panels, results)


def _number(name: str) -> str:
    return name.replace("fig", "Fig. ")


def _drawn(title: str, name: str, panels: list[SweepPanel], results: ResultStore) -> Figures:
    if not any(panel.lines for panel in panels):
        return Figures()
    return Figures(drawn=(save(sweep_figure(title, panels), results.folder / f"{name}.png"),))
