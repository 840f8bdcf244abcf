"""Assembly of a simulation from a scenario, and its run.

    Scenario --> assembly.build --> AssembledSimulation --> run.run_until_done --> records, RunResult
                     |
                     |  per group: link_factory.LinkFactory
                     |                 schemes.base_schemes, schemes.stack     stack of schemes
                     |                 source_attack_factory                   attack on Alice's images
                     |                 policy_factory                          Bob's policy
                     |                 jammers.factory                         jammers
                     |  per link:  eve_factory                                 Eve's attack
                     |             air, sessions and nodes

Everything is built before simulated time begins: models are loaded, and options that do not fit together are rejected with an error that
names the group. `linksim.run` and the command line call `run.run`; the Gymnasium environments call `assembly.build` and advance the clock
themselves. Options are declared without torch in `linksim.scenario`; the factories here turn them into objects.
"""
