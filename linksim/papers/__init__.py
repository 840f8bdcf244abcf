"""The papers under reproduction, one package each.

    experiments     the conditions that the paper measures, as scenarios or as objects that measure themselves
    claim_checks    the rule that checks each claim of `linksim.reproduction.claims`
    paper           the object that the command `linksim papers` uses: `linksim.reproduction.paper.Paper`
    other modules   supplementary experiments and tables, which the paper does not have, and figures

A paper is a component of kind "paper", so one from outside the package is declared in the same way (`linksim.registry`).
"""

from linksim.registry import Component, add

PAPERS = {
    "diffsem": "self-noised features against model inversion, with a diffusion receiver that outputs labels",
    "diffusec": "purification of attacked images by diffusion, with a policy that chooses its steps",
    "miea": "the model inversion eavesdropping attack, and permutation and substitution against it",
    "covert": "inversion attacks with and without a generator, and private images hidden in the symbols of others against them",
}

for name, about in PAPERS.items():
    add(Component("paper", name, None, f"linksim.papers.{name}.paper:make", about))
