"""How each auth mode authenticates: one strategy for each mode, in one table."""
