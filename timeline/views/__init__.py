"""Pages of the timeline, by noun."""
