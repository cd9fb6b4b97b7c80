"""The SDK's MQTT clients: one module for each version of MQTT, in one table."""
