"""Access of pages: denied unless a decorator declares it. And a form that is sent twice
is done once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from accounts import services
from accounts.models import IdempotentRequest, Role, User
from postmortem.lib.canonical import digest
from postmortem.lib.htmx import refusal
from postmortem.lib.uploads import look_through

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


class SignedInRequest(HttpRequest):
    """A request behind a declared view: the user is a person of ours."""

    user: User


def declare(view: View, access: str) -> View:
    """Write on a view what it takes to open it; the permission matrix reads it."""
    view.access = access  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Open to everybody, signed in or not."""
    return declare(view, "public")


def signed_in(view: View) -> View:
    """Open to everybody signed in; the view filters what it shows by `visible_to`."""
    return declare(login_required(once(view)), "signed_in")


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
    act = once(view)

    @wraps(view)
    def check(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User) or Role.ADMIN not in user.roles:
            raise PermissionDenied(
                "People, teams and roles are changed by an administrator."
            )
        return act(request, *args, **kwargs)

    return declare(login_required(check), "administrators")  # type: ignore[return-value]


# --- a form that is sent twice --------------------------------------------------------


def once(view: View) -> View:
    """A form that is sent twice is done once: a double click, a page that is loaded
    again, a try after a lost connection. The form carries `client_key` (scripts send
    the same as `Idempotency-Key`); only what worked is kept, so that a refused form can
    be corrected. The API does the same on the same rows.

    Every decorator of access puts this inside its own look at the permission: whoever
    lost it meanwhile gets no old answer, and no file of theirs is looked through. The
    form has come in whole before the transaction opens.
    """

    @wraps(view)
    def run(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        look_through(request.FILES)
        key = request.headers.get("Idempotency-Key") or request.POST.get("client_key")
        if not key:
            return view(request, *args, **kwargs)
        said = _digest(request)
        try:
            with transaction.atomic():
                before = services.claim_request(
                    actor=request.user, key=key, digest=said
                )
                if before is not None:
                    return _again(request, before)
                page = view(request, *args, **kwargs)
                if page.status_code in {204, 302}:  # done, and the way on: no text
                    _keep(request, page, key=key, digest=said)
                return page
        except services.KeyReused:
            words = (
                "Your first try did arrive and was saved; what you sent now differs "
                "from it. Open what is saved, and edit it there."
            )
            return refusal(request, services.KeyReused(words))
        except services.StillAtWork as error:
            page = refusal(request, error)
            page["Retry-After"] = str(error.retry_after)
            return page

    return cast(View, run)


def _again(request: HttpRequest, before: IdempotentRequest) -> HttpResponse:
    messages.success(
        request, "Saved. Your first try had arrived; nothing was entered twice."
    )
    return HttpResponse(status=before.status, headers=before.headers)


def _keep(
    request: SignedInRequest, page: HttpResponseBase, *, key: str, digest: str
) -> None:
    services.keep_answer(
        actor=request.user,
        key=key,
        digest=digest,
        status=page.status_code,
        body="",
        headers={
            name: page[name]
            for name in ("Location", "HX-Redirect", "HX-Refresh")
            if name in page
        },
    )


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
