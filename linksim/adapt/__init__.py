"""How diffusion steps are chosen: the decision problem, what judges it, policies, and how they compare. No clock; only `ddpg` computes with torch."""
