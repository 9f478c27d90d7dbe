"""The API's manners: denied unless declared, problem+json errors, cursor pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework import permissions, throttling
from rest_framework.request import Request

from postmortem.lib.drf.pages import (
    AnyOfField,
    CursorPagination,
    Filters,
    FlagField,
    WordsField,
)
from postmortem.lib.drf.parsers import JSONParser
from postmortem.lib.drf.problems import (
    BadRequest,
    ProblemMiddleware,
    problem,
    problem_handler,
    validation_errors,
)

if TYPE_CHECKING:
    from rest_framework.views import APIView

__all__ = [
    "AnyOfField",
    "BadRequest",
    "CursorPagination",
    "DenyUnlessDeclared",
    "Filters",
    "FlagField",
    "JSONParser",
    "PersonThrottle",
    "ProblemMiddleware",
    "WordsField",
    "problem",
    "problem_handler",
    "validation_errors",
]


class DenyUnlessDeclared(permissions.BasePermission):
    """The default: a view that declares nothing is closed to everybody."""

    message = "This address has no declared permission."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return False


class PersonThrottle(throttling.UserRateThrottle):
    """A script that runs away must not take the desk down: so many requests of one
    person in a minute, counted by each web process. `API_RATE` empty: no limit."""

    def get_rate(self) -> str | None:
        return settings.API_RATE or None
