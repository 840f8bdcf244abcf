"""What the papers claim, how each claim is measured here, and what came of it."""
