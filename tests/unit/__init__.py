"""Tests of single modules: no server but those that a test itself starts on loopback."""
