"""The faulty endpoint: an AWS IoT look-alike on loopback that fails in every way that the canary must name."""
