"""Networks, and the files of trained models: weights in safetensors and a card for each.

    codecs, miea, vit                      codecs: image -> channel symbols -> image
    vqvae                                  autoencoder with a codebook: image -> indices -> image
    inverters, miea                        Eve's inverse networks: symbols -> image
    classifiers, wide_resnet               classifiers, which evaluate reconstructions
    unet                                   denoiser of the diffusion process
    policy                                 actor and critic of DDPG
    layers                                 layers that several networks share
    cards, weights, tensor_checks          the card of a model; loading and verification of its weights

A network is a torch module without knowledge of links, keys or time: `linksim.schemes` makes it part of a link, `linksim.training` trains
it. Inputs and outputs are batches; the items of a batch do not influence each other in evaluation mode.
"""
