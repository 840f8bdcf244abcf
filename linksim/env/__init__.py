"""Gymnasium environments. `import linksim.env` registers them; Gymnasium is installed by `pip install -e '.[rl]'` in a clone of linksim.

linksim/StepSelection-v0      diffusion steps with rewards from a reward table: thousands of rounds per second
linksim/AttackedSelection-v0  the same with an attack whose strength varies, and an observation of it
linksim/LiveLink-v0           diffusion steps in the simulation itself: one link, or many links of one simulation

All have the same actions and reward, and the first and the last the same observations, so an agent that was trained on one of them can be
evaluated in the other. An agent acts in a run, too (`AgentPolicy`). The DDPG of linksim does not need this package: `linksim train` trains
it (docs/adaptation.md).
"""

try:
    import gymnasium
except ModuleNotFoundError as missing:
    raise ImportError("linksim.env needs gymnasium: pip install gymnasium, or pip install -e '.[rl]' in a clone of linksim") from missing

STEP_SELECTION = "linksim/StepSelection-v0"
ATTACKED_SELECTION = "linksim/AttackedSelection-v0"
LIVE_LINK = "linksim/LiveLink-v0"
MAX_EPISODE_STEPS = 3  # rounds of an episode, as in the paper; `gymnasium.make(..., max_episode_steps=10)` for others

gymnasium.register(id=STEP_SELECTION, entry_point="linksim.env.step_selection:StepSelection", max_episode_steps=MAX_EPISODE_STEPS)
gymnasium.register(
    id=ATTACKED_SELECTION,
    entry_point="linksim.env.attacked_selection:AttackedSelection",
    max_episode_steps=MAX_EPISODE_STEPS,
)
gymnasium.register(
    id=LIVE_LINK,
    entry_point="linksim.env.live_link:LiveLink",
    vector_entry_point="linksim.env.live_link:LiveLinkVec",
    max_episode_steps=MAX_EPISODE_STEPS,
)
