"""Actions: deadlines."""
