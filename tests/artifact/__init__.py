"""What is built: the packages, and the artifact, also as Lambda runs it (read-only, by the runtime's Python)."""
