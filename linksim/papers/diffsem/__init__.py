"""DiffSem: self-noised features against model inversion, with a diffusion receiver."""
