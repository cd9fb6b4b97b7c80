"""Starts the local AWS, deploys stacks to it, and calls its APIs."""
