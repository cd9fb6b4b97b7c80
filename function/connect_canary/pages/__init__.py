"""Results as SVG and HTML: pure functions from attempt records to markup, and the reader of a canary's log."""
