"""Review: checks."""
