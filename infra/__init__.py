"""Tools, templates and the local AWS around the function."""
