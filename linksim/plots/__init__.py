"""Figures and reports, drawn from traces only."""
