"""Towards Secure Semantic Communications in the Presence of Intelligent Eavesdroppers (Tang et al.)."""
