"""What the checks of the case file share: links to the exact form, short quotes."""

from __future__ import annotations

from django.urls import reverse

from incidents.models import Incident


def form(incident: Incident, name: str, *args: object, query: str = "") -> str:
    """Address of the form that mends a finding: `incidents:<name>`."""
    url = reverse(f"incidents:{name}", args=[incident.key, *args])
    return f"{url}?{query}" if query else url


def short(text: str, limit: int = 60) -> str:
    """The beginning of a statement, for a message: whole words, at most `limit`."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    return line[:limit].rsplit(" ", 1)[0].rstrip(",;:") + " …"
