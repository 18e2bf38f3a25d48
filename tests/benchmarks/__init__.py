"""The benchmarks run, at sizes that measure nothing."""
