"""The choice of diffusion steps: the decision problem, policies and their evaluation. Only `ddpg` imports torch.

    mdp, reward, snr_process          the decision problem of DiffuSeC: state, action, transition, reward, SNR of an episode
    reward_table, reward_table_file   its rewards, measured on a grid
    policy, ddpg, replay              policies; DDPG and its replay buffer
    regret, evaluation_channels       comparison of policies with an oracle on channels of other kinds
    learning_curve                    performance of a policy over its training

Everything works on arrays of n links and needs no simulation. `env` offers the decision problem as Gymnasium environments,
`training.ddpg` trains on it, and `control_plane.policy_controller` uses a policy in a run.
"""
