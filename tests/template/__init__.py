"""The templates: clean by their own tools, and bound to the code."""
