"""The build of the Lambda artifact."""
