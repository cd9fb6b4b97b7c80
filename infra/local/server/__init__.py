"""What runs in MiniStack's process: the device gateway, custom authorizers, metrics and alarms."""
