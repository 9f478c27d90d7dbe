"""Rca: deadlines."""
