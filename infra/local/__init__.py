"""A local AWS: MiniStack with its gaps filled, and what `make run` and the tests do with it."""
