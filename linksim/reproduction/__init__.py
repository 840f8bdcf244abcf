"""Reproduction of published results: experiments, kept results, claims and verdicts."""
