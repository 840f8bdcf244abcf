"""The nodes of a link: Alice, Bob, Eve and the evaluator.

The path of a data frame, with the modules that handle it; promises are computed by the worker, at any later time:

    alice                Alice agrees with Bob on the parameters of the frame, and promises images and symbols      evaluator.created
    alice --> medium     the air transmits the frame for its airtime                                                evaluator.transmitted
    medium --> bob, eve  each receiver gets a copy of its own: promised symbols, known estimates of gain and noise
    bob                  Bob promises the reconstruction under his parameters, after his processing time            evaluator.received
    bob --> alice        with ARQ he needs its checksums now, and answers with ACK or NACK
    eve                  Eve's attack promises a reconstruction of her copy
    bob, eve             the evaluator promises scores against Alice's images                                       evaluator.reconstructed
                         the reward of a decision of Bob is emitted when all frames of its round are scored         decision_rewards

A node decides *when* something happens and passes promises on; the operations that it submits to the worker decide *what* a frame contains.
The nodes do not know each other: Alice and Bob exchange frames over the air and the control plane, and only the evaluator sees both ends.
"""
