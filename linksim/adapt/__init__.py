"""How diffusion steps are chosen: the decision problem, its evaluator, policies, and how they compare. No clock; torch in `ddpg` alone."""
