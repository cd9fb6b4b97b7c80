"""The bench: what a run costs in time, CPU and memory, measured beside the bare SDK. Run by `make bench` only."""
