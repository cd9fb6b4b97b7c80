"""Where referenced values live: one module for each source, in one table."""
