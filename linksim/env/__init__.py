"""Gymnasium environments. `import linksim.env` registers them; Gymnasium itself comes with `pip install 'linksim[rl]'`.

linksim/StepSelection-v0  diffusion steps on a reward table: rewards measured beforehand, thousands of rounds a second
linksim/LiveLink-v0       diffusion steps in the simulated world itself: one link, or many in one world
"""

try:
    import gymnasium
except ModuleNotFoundError as missing:
    raise ImportError("linksim.env needs gymnasium: pip install 'linksim[rl]'") from missing

STEP_SELECTION = "linksim/StepSelection-v0"
LIVE_LINK = "linksim/LiveLink-v0"

gymnasium.register(id=STEP_SELECTION, entry_point="linksim.env.step_selection:StepSelection")
gymnasium.register(id=LIVE_LINK, entry_point="linksim.env.live_link:LiveLink", vector_entry_point="linksim.env.live_link:LiveLinkVec")
