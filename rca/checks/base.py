"""What the checks of this app share: parts of a provisional claim, addresses, lists."""

from __future__ import annotations

from django.urls import reverse

from incidents.models import Incident, KnownUnknown
from rca.models import Cause, FailureMode

TAB = "Root cause"


def form_url(name: str, incident: Incident, *args: int) -> str:
    """The address of a form of this app."""
    return reverse(f"rca:{name}", args=[incident.key, *args])


def owner_of(row: Cause | FailureMode) -> str:
    """Who settles the row's known unknown, in words; '' for nobody."""
    unknown = row.known_unknown
    return unknown.owner.label if unknown is not None and unknown.owner else ""


def missing_parts(unknown: KnownUnknown | None) -> list[str]:
    """What a provisional claim does not name yet: check, owner, deadline (R-RC-08).

    A known unknown that was accepted as residual risk asks for nothing more.
    """
    if unknown is None or unknown.is_retracted:
        return ["missing check", "owner", "deadline"]
    if unknown.state == KnownUnknown.State.ACCEPTED:
        return []
    if unknown.state == KnownUnknown.State.RESOLVED:
        return ["missing check"]
    parts = {
        "missing check": unknown.missing_check,
        "owner": unknown.owner_id,
        "deadline": unknown.due_at,
    }
    return [name for name, value in parts.items() if not value]


def one_of(words: list[str]) -> str:
    """`a, b or c`."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
