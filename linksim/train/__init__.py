"""Training: lessons, the loop that runs them, and how a part gets its card."""
