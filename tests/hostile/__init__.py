"""The hostile-input campaign: mutated scenarios, kills, damaged traces, full disks, signals, environments, forged exchanges.

Every test draws its cases from fixed seeds and holds an invariant in each of them. `make test` runs a sample, `make hostile` all cases
(docs/reliability.md).
"""
