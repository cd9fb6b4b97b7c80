"""The pager: turns an alarm of the canary into a page that says what is broken, for whom, and what to do."""
