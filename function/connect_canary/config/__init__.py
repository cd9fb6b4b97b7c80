"""From the environment, the event and a targets document to a plan of what to run."""
