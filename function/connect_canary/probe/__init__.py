"""One attempt against one target: authenticate, connect, check the certificate, diagnose, judge."""
