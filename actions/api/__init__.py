"""API of the actions, by noun."""
