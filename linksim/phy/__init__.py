"""The physical layer: modulation, coding, fading, SNR processes, noise and jamming on complex symbols.

    baseband, noise                                          one path for a batch of frames, equalisers, noise; the definition of SNR
    snr, snr_deterministic, snr_stochastic, path_loss        mean SNR of a path over simulated time
    fading, sum_of_sinusoids, tdl                            complex gain of a path over simulated time
    path, snr_preview                                        both of them over the interval of a frame; their range before a run
    pilots                                                   a receiver's estimates of gain, noise power and SNR
    qam, ldpc, ldpc_matrices, ratematch                      modulation and channel code of digital data frames
    control, control_code, header_error                      modulation and channel code of control messages; losses of frame headers
    jamming                                                  schedules and energy budgets of jammers
    theory, curves                                           error rates in closed form and measured

What happens to a batch of symbols is a pure function of torch tensors, so that it can be batched, differentiated and run on a GPU. A
process over time is a numpy object that answers for any instant, in any order; time is an int of nanoseconds. No module knows the event
loop: `linksim.medium` puts frames on the air and calls this package.
"""
