"""Networks: layers, codecs, classifiers, inverters, and how trained ones are loaded."""
