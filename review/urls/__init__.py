"""Addresses of this app."""
