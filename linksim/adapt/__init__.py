"""The choice of diffusion steps: the decision problem, policies and their evaluation. Only `ddpg` imports torch."""
