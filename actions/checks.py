"""Actions: checks."""
