"""Tests of the canary deployed to the local AWS, and of the local AWS itself."""
