"""Training: training tasks, the loop that runs them, and how a part gets its card."""
