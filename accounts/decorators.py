"""Access of pages: denied unless a decorator declares it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from postmortem.lib.drf.parsers import MAX_BODY

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

# Third-party views bring their own guard: sign-in pages, the read-only admin, and the
# API, whose default permission class denies.
GUARDED_ELSEWHERE = (
    "allauth.",
    "django.contrib.admin.",
    "django.contrib.auth.admin",
    "django.views.static",
    "django.contrib.staticfiles.",
)


def declare(view: View, access: str) -> View:
    """Write on a view what it takes to open it; the permission matrix reads it."""
    view.access = access  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Open to everybody, signed in or not."""
    return declare(view, "public")


def signed_in(view: View) -> View:
    """Open to everybody signed in; the view filters what it shows by `visible_to`."""
    return declare(login_required(view), "signed_in")


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
        return page


# Room for the other fields of a form beside its file.
FORM_BYTES = 1024 * 1024


def body_limit(request: HttpRequest) -> int:
    """How many bytes this request may carry. Only who is known may send a file; a token
    is judged by the API before it reads anything."""
    is_known = request.user.is_authenticated or "Authorization" in request.headers
    if not is_known:
        return FORM_BYTES
    if request.content_type == "multipart/form-data":
        return settings.EVIDENCE_MAX_BYTES + FORM_BYTES
    return MAX_BODY


class BoundedBodyMiddleware:
    """Answer 413 by the length that the request states, before any of it is read, kept
    in memory or written to disk. Nothing beyond the stated length is ever read, so that
    a false one does not help; a body without one is none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        size = int(length) if length.isascii() and length.isdecimal() else 0
        if size <= FORM_BYTES or size <= (limit := body_limit(request)):
            return self.get_response(request)
        page = render(
            request, "413.html", {"limit_mb": limit // (1024 * 1024)}, status=413
        )
        # What is still on its way is not waited for.
        page.headers["Connection"] = "close"
        return page


def is_declared(view: Any) -> bool:
    """Whether a view says what it takes, or is guarded by its own framework."""
    if getattr(view, "access", None):
        return True
    module = str(getattr(view, "__module__", ""))
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if cls is not None and hasattr(cls, "permission_classes"):
        return True  # DRF: DenyUnlessDeclared is the default there
    return module.startswith(GUARDED_ELSEWHERE)
