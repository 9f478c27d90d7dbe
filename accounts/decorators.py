"""Access of pages: denied unless a decorator declares it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from accounts import services
from accounts.models import Role, User
from postmortem.lib.canonical import digest
from postmortem.lib.drf.parsers import MAX_BODY
from postmortem.lib.errors import DomainError
from postmortem.lib.htmx import refusal

UNSAID = frozenset({"csrfmiddlewaretoken", "client_key"})

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


class OnceMiddleware:
    """A form that is sent twice is done once: a double click, a page that is loaded
    again, a try after a lost connection. The form carries `client_key` (scripts send
    the same as `Idempotency-Key`); only what worked is kept, so that a refused form can
    be corrected. The API does the same on the same rows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = getattr(request, "user", None)
        if (
            request.method != "POST"
            or request.path.startswith("/api/")
            or not isinstance(user, User)
        ):
            return self.get_response(request)
        key = request.headers.get("Idempotency-Key") or request.POST.get("client_key")
        if not key:
            return self.get_response(request)
        try:
            return self._once(request, user, key)
        except services.KeyReused:
            said = (
                "Your first try did arrive and was saved; what you sent now differs "
                "from it. Open what is saved, and edit it there."
            )
            return refusal(request, services.KeyReused(said))
        except services.StillAtWork as error:
            page = refusal(request, error)
            page["Retry-After"] = str(error.retry_after)
            return page
        except DomainError as error:
            return refusal(request, error)

    def _once(self, request: HttpRequest, user: User, key: str) -> HttpResponse:
        said = _digest(request)
        with transaction.atomic():
            before = services.claim_request(actor=user, key=key, digest=said)
            if before is not None:
                messages.success(
                    request,
                    "Saved. Your first try had arrived; nothing was entered twice.",
                )
                return HttpResponse(status=before.status, headers=before.headers)
            page = self.get_response(request)
            if page.status_code >= 500:
                transaction.set_rollback(True)
            elif page.status_code in {204, 302}:  # done, and the way on: no text
                services.keep_answer(
                    actor=user,
                    key=key,
                    digest=said,
                    status=page.status_code,
                    body="",
                    headers={
                        name: page[name]
                        for name in ("Location", "HX-Redirect", "HX-Refresh")
                        if name in page
                    },
                )
        return page


def _digest(request: HttpRequest) -> str:
    """What a form says, whichever way it is sent."""
    sent = [
        *((name, request.POST.getlist(name)) for name in request.POST),
        *(
            (name, [_of_file(one) for one in request.FILES.getlist(name)])
            for name in request.FILES
        ),
    ]
    unsigned = {name: text for name, text in sent if name not in UNSAID}
    return digest([request.get_full_path(), unsigned])


def _of_file(upload: Any) -> str:
    """Another content is another request."""
    return f"{upload.name} {upload.sha256}"


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


def administrators(view: View) -> View:
    """Open to administrators only: people, teams, roles."""

    @wraps(view)
    def check(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User) or Role.ADMIN not in user.roles:
            raise PermissionDenied(
                "People, teams and roles are changed by an administrator."
            )
        return view(request, *args, **kwargs)

    return declare(login_required(check), "administrators")  # type: ignore[return-value]
