"""What a refused person had typed, for the page that refuses it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest

from postmortem.lib.ui.base import register

# Fields that a page fills by itself, and what nobody may read on a screen.
_OWN = frozenset(
    {
        "client_key",
        "content_hash",
        "csrfmiddlewaretoken",
        "digest",
        "key",
        "next",
        "seat",
        "shown",
        "typed_at",
        "version",
    }
)
_SECRET = re.compile(r"pass|token|secret")


@register.simple_tag(takes_context=True)
def typed_again(context: Any) -> list[tuple[str, str]]:
    """(field, text) of the form that was sent and not taken, to be shown and copied:
    without scripts nothing else keeps it. Never a file, a password or a token.

    Only what a form of one of our own pages sent to a view that declares its access:
    no page to sign in, and no other site, which must not put its words onto ours. What
    was refused before it had an address was not read, and is not read for this.
    """
    request: HttpRequest | None = context.get("request")
    if request is None or request.method != "POST":
        return []
    if not hasattr(getattr(request.resolver_match, "func", None), "access"):
        return []
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.get_host():
        return []
    return [
        (name.replace("_", " ").capitalize(), text)
        for name, texts in request.POST.lists()
        if name not in _OWN and not _SECRET.search(name)
        for text in texts
        if text.strip()
    ]
