"""Jammers: SimPy processes that radiate interference on the frames of a link, and their factory.

    jammer              base class: on-intervals, interference power, records; follows a schedule of `phy.jamming`
    reactive            responds to frames that it detects
    adversarial         perturbations in place of noise, which perturb computes
    factory             makes the jammers of a group from its options

The air (`linksim.medium`) notifies a jammer when a frame starts and ends, and asks it for the interference at each receiver.
"""
