"""Benchmarks: time, CPU and memory of a run, compared with the bare SDK. Run by `make bench` only."""
