"""How the suite runs: its seed, its order on several workers, which skips fail, and what is reset between tests."""
