"""The medium between the nodes of a link: what one sends, as the others receive it.

    air             one frame at a time, airtime, propagation, delivery of a separate copy to each receiver
    data_reception  a data frame at one receiver: channel estimate, header, promised symbols
    header_phy      loss of the header of a data frame
    control_phy     symbols of control frames, and their demodulation

Nothing here knows what a message means: headers and control frames are bytes.
"""
