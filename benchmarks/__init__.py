"""What is fast, measured as ratios between two things in one run. `python -m benchmarks` prints them all."""
