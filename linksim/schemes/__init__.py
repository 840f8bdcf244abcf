"""Schemes: the processing that turns images into radio symbols at Alice, and its inverse at Bob.

A *base scheme* converts images to symbols (`deepjscc`, `diffusec`, `masked_vqvae` in `vqvae`, `digital`). *Layers* around it transform
symbols under keys of the session (`permutation`, `phase_scrambling`). `stack` nests them in the order in which a scenario lists them.

    scenario  --> base_schemes.build_base --> stack.build_stack --> Stack
    session   --> Stack.parameters(SNR, negotiated values, keys of the layers) --> parameters of one frame

A scheme is a function of tensors and has no access to the clock, to the session or to the other end. The simulation runs it in batches as
operations of the worker (`linksim.operations`); the offline link (`linksim.link`) calls it directly, with gradients.
"""
