"""The Model Inversion Eavesdropping Attack in Semantic Communication Systems (Chen et al., GLOBECOM 2023)."""
