"""The choice of diffusion steps: the decision problem, policies and their evaluation. Only `ddpg` imports torch.

    mdp, reward, snr_process          the decision problem of DiffuSeC: state, action, transition, reward, SNR of an episode
    reward_table, reward_table_file   its rewards, measured on a grid
    attack_table, accuracy_table      rewards for several strengths of the attack, accuracy of DiffSem; files of both in `grid_csv`
    observation                       what a policy is given in a round
    policy, attack_policy             policies without training
    ddpg, replay                      DDPG and its replay buffer
    regret, attack_regret             comparison of policies with an oracle, also under an attack of varying strength
    evaluation_channels               channels of other kinds than that of the training
    learning_curve                    performance of a policy over its training

Everything works on arrays of n links and needs no simulation. `env` offers the decision problem as Gymnasium environments,
`training.ddpg` trains on it, and `control_plane.policy_controller` uses a policy in a run.
"""
