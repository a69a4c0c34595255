"""Measure speed, each figure as a ratio to a reference of the same run: `python -m benchmarks.charges`."""
