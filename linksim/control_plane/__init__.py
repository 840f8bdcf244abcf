"""The control plane of a link: messages, wire format, handshake, session, faults, and Bob's choice of parameters.

    Alice                                   Bob
    HELLO (time, ephemeral key, tag) ---->
                                    <-----  CHALLENGE (number, tag)              if the time is not newer; HELLO with the number follows
                                    <-----  ACCEPT (ephemeral key, tag)          both hold keys; all messages below except NACK are sealed
    PROBE (pilots)                  ----->  measures the SNR
                                    <-----  REPORT (SNR, steps, epoch offered)   every offer has a new number
    CONFIRM (that epoch)            ----->  if CONFIRM is lost, the next sealed message of that epoch has the same effect
    KEY (frame, (p, s) per pair)    ----->
                                    <-----  ACK
    data frame (header with tag)    ----->  decoded with the parameters of its epoch, in force or offered
                                    <-----  NACK (frame) if Bob has no parameters for it; ACK or NACK if the scheme retransmits data frames

A message that expects an answer is retransmitted when none arrives (`arq`). A frame whose KEY is not acknowledged is not sent. A probe
round that fails leaves the parameters unchanged. Either failure, and a NACK, makes Alice suspect that Bob has lost the session: she begins
a new handshake, and uses the old session until Bob accepts. Bob installs the keys of a new session only when a sealed message proves that
Alice holds them, and she sends no data before he has answered under them. Bob answers a repeated message as he answered the first, never
makes two offers with one number, and accepts no sealed message and no header twice. Only sealed messages put parameters in force.

    messages, wire, data_header   what is on the air: bodies, frames, headers of data frames
    handshake, states             keys of a session; states of both ends and their transitions
    endpoint                      what both ends have in common
    alice_session, bob_session    behaviour of each end
    arq, frame_parameters         retransmission; what both ends agree on
    policy_controller             Bob's choice of parameters; action_requests: a choice from outside the simulation
    faults                        loss, delay, replay and forgery of control frames, and restarts

docs/wire-format.md specifies the bytes and gives the argument why no frame is decoded with wrong parameters.
"""
