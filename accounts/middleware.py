"""What every request goes through: bounded bodies, known methods, pages that no cache
keeps, no view without declared access."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render

from accounts.decorators import is_declared
from postmortem.lib.drf.parsers import MAX_BODY


class ReadOrSentMiddleware:
    """A page is read or sent: 405 to every other method. The API says itself which of
    its addresses takes which."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        methods = ["GET", "HEAD", "POST"]
        if request.method not in methods and not request.path.startswith("/api/"):
            return HttpResponseNotAllowed(methods)
        return self.get_response(request)


class DeniedUnlessDeclaredMiddleware:
    """Refuse a view on which no access is declared, also for an administrator."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        if is_declared(view):
            return
        if settings.DEBUG:
            raise PermissionDenied(f"{view.__module__}.{view} declares no access.")
        raise PermissionDenied("This page has no declared access.")


class NeverStoredMiddleware:
    """Pages and answers are kept by no cache: the next person at the same browser, or
    behind the same proxy, must not read what this one saw."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        page = self.get_response(request)
        page.headers.setdefault("Cache-Control", "private, no-store")
        match = request.resolver_match
        if match and match.url_name == "account_logout" and page.status_code == 302:
            # Drafts of what was typed lie in the browser; the next person is another.
            page.headers["Clear-Site-Data"] = '"storage"'
        return page


# Room for the other fields of a form beside its file.
FORM_BYTES = 1024 * 1024


def body_limit(request: HttpRequest) -> int:
    """How many bytes this request may carry. Only who is known may send a file; a token
    is judged by the API before it reads anything."""
    has_token = request.path.startswith("/api/") and "Authorization" in request.headers
    is_known = request.user.is_authenticated or has_token
    if not is_known:
        return FORM_BYTES
    if request.content_type == "multipart/form-data":
        return settings.EVIDENCE_MAX_BYTES + FORM_BYTES
    return MAX_BODY


class BodyMiddleware:
    """What a request may carry, judged by what it states before any of it is read, kept
    in memory or written to disk: 413 above the limit, 415 in another encoding than
    UTF-8. Nothing beyond the stated length is ever read, so that a false one does not
    help; a body without one is none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.lower() != "utf-8":
            return _refused(request, 415)
        length = request.META.get("CONTENT_LENGTH") or "0"
        size = int(length) if length.isascii() and length.isdecimal() else 0
        if size > FORM_BYTES and size > (limit := body_limit(request)):
            return _refused(request, 413, limit_mb=limit // (1024 * 1024))
        return self.get_response(request)


def _refused(request: HttpRequest, status: int, **words: int) -> HttpResponse:
    page = render(request, f"{status}.html", words, status=status)
    page.headers["Connection"] = "close"  # what is still on its way is not waited for
    return page
