"""The world: the only rooms that know the simulated clock."""
