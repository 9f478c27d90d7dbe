"""API of the case file under /api/v1/."""
