"""Assembly of a simulation from a scenario, and its run."""
