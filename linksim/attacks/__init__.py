"""Attacks: what an eavesdropper infers from received frames, and adversarial perturbations of images and of radio symbols.

    attack               the contract of Eve's attack on one link
    model_inversion      images from symbols, by an inverse network or by white_box (MIEA Sec. III-A)
    jigsaw, row_model    the order of permuted rows, from the statistics of adjacent rows
    key_learning         the keys of the permutation defence over many frames, with key_recovery
    magnitude_inversion  images from the magnitudes of phase-scrambled symbols
    source               FGSM, PGD and Carlini-Wagner on Alice's images, before they are encoded (DiffuSeC Sec. III-A)
    perturbation         the perturbation of radio symbols that a receiver suffers most from

The functions know no clock and no scenario. `simulate` builds Eve's attacks and the attacks on the source from the options of a link, and
`jammers` uses `perturbation`.
"""
