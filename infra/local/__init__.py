"""A local AWS based on MiniStack: its server, its client, and the demo of `make run`."""
