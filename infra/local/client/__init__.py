"""Starting the local AWS, deploying to it, and asking it."""
