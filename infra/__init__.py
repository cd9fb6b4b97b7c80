"""What stands around the function."""
