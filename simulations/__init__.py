"""A simulated cohort, judged by the real rules: `make cohort`."""
