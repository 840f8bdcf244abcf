"""Training of models: the training tasks, the training loop, the measurement of scores, and the tuning of runtime settings."""
