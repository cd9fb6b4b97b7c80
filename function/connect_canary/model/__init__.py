"""Data and pure rules: what is known of an attempt and what follows from it. Standard library only."""
