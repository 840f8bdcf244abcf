"""The papers under reproduction: their experiments, the rules that check their claims, their tables and figures."""

from linksim.registry import Component, add

PAPERS = {
    "diffusec": "purification of attacked images by diffusion, with a policy that chooses its steps",
    "miea": "the model inversion eavesdropping attack, and permutation and substitution against it",
}

for name, about in PAPERS.items():
    add(Component("paper", name, None, f"linksim.papers.{name}.paper:make", about))
