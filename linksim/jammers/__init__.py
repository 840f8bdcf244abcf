"""Jammers: SimPy processes that radiate interference on the frames of a link, and their factory."""
