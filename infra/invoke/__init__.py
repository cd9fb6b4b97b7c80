"""Runs the built artifact on this machine, as Lambda runs it: SAM's emulator, or `sam local invoke`."""
