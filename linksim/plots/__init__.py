"""Figures and reports, drawn from a trace alone."""
