"""Rca: checks."""
