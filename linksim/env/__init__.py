"""Gymnasium environments. `import linksim.env` registers them; Gymnasium is installed by `pip install -e '.[rl]'` in a clone of linksim.

linksim/StepSelection-v0  diffusion steps with rewards from a reward table: thousands of rounds per second
linksim/LiveLink-v0       diffusion steps in the simulation itself: one link, or many links of one simulation

Both have the same observations, actions and reward, so an agent that was trained on the first can be evaluated in the second. The DDPG of
linksim does not need this package: `linksim train` trains it (docs/adaptation.md).
"""

try:
    import gymnasium
except ModuleNotFoundError as missing:
    raise ImportError("linksim.env needs gymnasium: pip install gymnasium, or pip install -e '.[rl]' in a clone of linksim") from missing

STEP_SELECTION = "linksim/StepSelection-v0"
LIVE_LINK = "linksim/LiveLink-v0"
MAX_EPISODE_STEPS = 3  # rounds of an episode, as in the paper; `gymnasium.make(..., max_episode_steps=10)` for others

gymnasium.register(id=STEP_SELECTION, entry_point="linksim.env.step_selection:StepSelection", max_episode_steps=MAX_EPISODE_STEPS)
gymnasium.register(
    id=LIVE_LINK,
    entry_point="linksim.env.live_link:LiveLink",
    vector_entry_point="linksim.env.live_link:LiveLinkVec",
    max_episode_steps=MAX_EPISODE_STEPS,
)
