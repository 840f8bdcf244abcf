"""Jammers as SimPy processes."""
