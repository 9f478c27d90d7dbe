"""Errors of the domain. Each is a sentence for a tired person and carries the HTTP
status with which both the pages and the API answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from postmortem.lib.findings import Finding


def field_error(field: str, words: str, code: str = "invalid") -> ValidationError:
    """What is wrong with one field of what was sent: a form shows the words beside it,
    the API answers with field and code."""
    return ValidationError({field: ValidationError(words, code=code)})


class DomainError(Exception):
    """A request that is well formed but cannot be done now."""

    status = 409
    code = "conflict"
    # Seconds after which the same request may pass; None: it will not by waiting.
    retry_after: int | None = None

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code:
            self.code = code


class InvalidTransition(DomainError):
    """The incident's (or action's) status does not allow this verb."""

    code = "invalid_transition"


class GateClosed(DomainError):
    """Findings block the transition; they are listed, worst first."""

    code = "blocked_by_findings"

    def __init__(self, message: str, findings: list[Finding]) -> None:
        super().__init__(message)
        self.findings = findings


class StaleVersion(DomainError):
    """Somebody else saved first. `current` holds what is stored now, by field."""

    code = "stale_version"

    def __init__(self, message: str, current: dict[str, Any]) -> None:
        super().__init__(message)
        self.current = current


class SeparationOfDuties(DomainError):
    """The rule of two people: this person may not do this on this subject."""

    status = 403
    code = "separation_of_duties"
