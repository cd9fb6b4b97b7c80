"""The canary in front of servers that were not made for it: an optional tier, `make test-foreign`."""
