"""Timeline: deadlines."""
