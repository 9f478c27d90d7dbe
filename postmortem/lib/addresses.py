"""Addresses of pages, each worked out once. Django does it anew each time it is asked,
and a list asks for the same page with every row's key."""

from __future__ import annotations

from functools import cache

from django.urls import NoReverseMatch, reverse

_STAND_IN = "INC-0"
_STAND_IN_NUMBER = "999999999"


def incident_address(name: str, key: str) -> str:
    """The address of the page `name`, which takes nothing but a key (`INC-2041`)."""
    return _pattern(name, _STAND_IN).replace(_STAND_IN, key)


def row_address(name: str, key: str, number: int) -> str:
    """The address of the page `name` of one row, which takes a key and a number."""
    address = _pattern(name, _STAND_IN, _STAND_IN_NUMBER)
    return address.replace(_STAND_IN_NUMBER, str(number)).replace(_STAND_IN, key)


def page_url(name: str, key: str = "") -> str:
    """The address of a page, of the incident `key` if it belongs to one; '' while no
    app of this installation offers it."""
    try:
        return incident_address(name, key) if key else _pattern(name)
    except NoReverseMatch:
        return ""


@cache
def _pattern(name: str, *args: str) -> str:
    return reverse(name, args=args)
