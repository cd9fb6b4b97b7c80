"""The server process: MiniStack behind the device gateway, with custom authorizers, metrics and alarms added."""
