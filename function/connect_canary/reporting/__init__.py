"""What leaves the canary: metrics and log records."""
