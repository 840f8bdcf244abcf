"""Attacks: what an eavesdropper infers from received frames, and adversarial perturbations of images and of radio symbols."""
