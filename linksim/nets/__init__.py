"""Neural networks: layers, codecs, classifiers, denoisers, inverters and policies, and the loading of trained models."""
