"""Training of the models: tasks, the loop that runs them, measurement of scores, and tuning.

    tasks      --> a task by its name: what is trained, on which data, with which loss, schedule and evaluation
    pipeline   --> trains or resumes (`loop`, `checkpoint`), measures (`measure`), stores weights and card (`publication`, `card_blocks`)
    tune       --> batch size and precision at which a stored model is fastest

    task, image_task                                         protocols of the tasks, and the base class of those on images
    order, noise                                             batches, schedules and noise as functions of seed and step
    codec, vit, vqvae                                        tasks of the codecs
    classifier, adversarial_training, inverter               tasks of the classifiers and of Eve's networks
    denoiser, link_denoiser                                  tasks of the denoiser
    grid_measurement, attacked_link, reward_table, attack_table   tables that are measured instead of trained
    ddpg, ddpg_trainer, step_world                           policy of diffusion steps, and what it is trained on

A task is a frozen dataclass without state: every random value is a function of its seed and the step. A training therefore resumes bit for
bit after an interruption, and the recipe on the card repeats it.
"""
