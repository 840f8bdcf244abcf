"""Asymmetric Diffusion Based Channel-Adaptive Secure Wireless Semantic Communications (DiffuSeC; Ren, Wu, Xu, Pan)."""
