"""Fidelity: the canary beside the bare SDK over impaired paths, and who is named as the owner of each fault."""
