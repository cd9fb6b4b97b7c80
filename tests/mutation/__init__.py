"""Changes the code, one small change at a time, and reports those that no test notices."""
