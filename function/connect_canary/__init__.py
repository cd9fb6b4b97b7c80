"""Connect canary for AWS IoT Core: can a client connect over WebSockets now, and if not, where and why."""

__version__ = "0.1.0"
