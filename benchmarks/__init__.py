"""Performance benchmarks, most of them ratios of two measurements of one run. `python -m benchmarks` prints them all."""
