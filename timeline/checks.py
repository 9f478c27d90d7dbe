"""Timeline: checks."""
