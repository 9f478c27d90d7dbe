"""API of the timeline, by noun."""
