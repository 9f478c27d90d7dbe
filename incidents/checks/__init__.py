"""Checks of the case file, by noun. Importing this package registers them."""

from incidents.checks import evidence, impact, people, scope, unknowns, wording

__all__ = ["evidence", "impact", "people", "scope", "unknowns", "wording"]
