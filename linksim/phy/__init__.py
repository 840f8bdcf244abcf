"""The physical layer: modulation, coding, fading, SNR processes, noise and jamming on complex symbols."""
