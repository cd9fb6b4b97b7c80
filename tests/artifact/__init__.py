"""The built artifact, run as Lambda runs it: read-only, without privileges, by the runtime's Python and its client."""
