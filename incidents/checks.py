"""Incidents: checks."""
