"""Incidents: deadlines."""
