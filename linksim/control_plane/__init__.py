"""The control plane of a link: messages, wire format, handshake, session, faults, and Bob's choice of parameters.

    Alice                                   Bob
    HELLO (ephemeral key, tag)      ----->
                                    <-----  ACCEPT (ephemeral key, tag)          both hold keys; all messages below except NACK are sealed
    PROBE (pilots)                  ----->  measures the SNR
                                    <-----  REPORT (SNR, steps, epoch offered)   every offer has a new number
    CONFIRM (that epoch)            ----->  if CONFIRM is lost, a data frame or KEY of that epoch has the same effect
    KEY (frame, (p, s) per pair)    ----->
                                    <-----  ACK
    data frame (epoch)              ----->
                                    <-----  NACK (frame) if Bob has no parameters for it; ACK or NACK if the scheme retransmits data frames

A message that expects an answer is retransmitted when none arrives (`arq`). A frame whose KEY is not acknowledged is not sent. A probe
round that fails leaves the parameters unchanged. Either failure, and a NACK, makes Alice suspect that Bob has lost the session: she begins
a new handshake, and uses the old session until Bob accepts. Bob installs the keys of a new session only when a sealed message proves that
Alice holds them, and she sends no data before he has answered under them. Bob answers a repeated message as he answered the first, never
makes two offers with one number, and accepts no sealed message twice. `states` lists the states of both ends and their transitions;
docs/wire-format.md gives the argument why no frame is decoded with wrong parameters.
"""
