"""Review: deadlines."""
