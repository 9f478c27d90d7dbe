"""Answers to a browser: a page or its fragment, a finished write, a refused one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

from postmortem.lib.conflict import require_version, settle
from postmortem.lib.errors import DomainError, StaleVersion
from postmortem.lib.ui.typed import typed_again


def wants_fragment(request: HttpRequest) -> bool:
    """An htmx request that is neither boosted nor a restored history page."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def posted(request: HttpRequest) -> QueryDict | None:
    """What was sent, also when it is empty; None when the page is only read."""
    return request.POST if request.method == "POST" else None


def typed(sent: QueryDict, name: str) -> str:
    """What somebody typed into an address: no NUL, which the database would refuse, and
    no more than a person types."""
    return sent.get(name, "").replace("\x00", "").strip()[:200]


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str = "",
    status: int = 200,
) -> HttpResponse:
    """The whole page, or only `fragment` for htmx: same URL, so Vary is set."""
    name = fragment if fragment and wants_fragment(request) else template
    page = render(request, name, context, status=status)
    patch_vary_headers(page, ["HX-Request"])
    return page


def done(request: HttpRequest, url: str, message: str = "") -> HttpResponse:
    """A finished write: tell the person and go on to `url`, with or without htmx."""
    if message:
        messages.success(request, message)
    if wants_fragment(request):
        page = HttpResponse(status=204)
        if _is_here(request, url):
            page["HX-Refresh"] = "true"  # only the anchor differs: it would not reload
        else:
            page["HX-Redirect"] = url
        return page
    return redirect(url)


def _is_here(request: HttpRequest, url: str) -> bool:
    """Whether the browser shows this address already, whatever the anchor."""
    try:
        here = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:  # whatever the browser calls its place
        return False
    there = urlsplit(url)
    return (there.path, there.query) == (here.path, here.query)


def add_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Put a service's error on the form; an unknown field goes to the form's top."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, items in error.error_dict.items():
        known = name if name in form.fields and name != NON_FIELD_ERRORS else None
        for item in items:
            form.add_error(known, item)


def form_page(
    request: HttpRequest,
    form: forms.BaseForm,
    act: Callable[[dict[str, Any]], object],
    *,
    title: str,
    done_url: str | Callable[[Any], str],
    cancel_url: str,
    message: str = "Saved.",
    lead: str = "",
    submit_label: str = "Save",
    template: str = "components/form_page.html",
    fragment: str = "components/form_drawer.html",
    context: dict[str, Any] | None = None,
) -> HttpResponse:
    """The one way a page writes: parse, one service call, then go on or show why not.

    `act(cleaned_data)` calls the service. Refused input comes back with status 422 (409
    when somebody else saved first) and everything that was typed still in place.
    """
    status = 200
    page: dict[str, Any] = {
        "form": form,
        "title": title,
        "lead": lead,
        "submit_label": submit_label,
        "cancel_url": cancel_url,
        **(context or {}),
    }
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                require_version(form)
                result = act(dict(form.cleaned_data))
            except ValidationError as error:
                add_errors(form, error)
            except StaleVersion as error:
                form.add_error(None, error.message)
                if error.current:
                    page["conflict"] = settle(form, error)
                status = error.status
            except DomainError as error:
                form.add_error(None, error.message)
                page["findings"] = getattr(error, "findings", [])
                status = error.status
            except PermissionDenied as error:
                if not str(error):
                    raise
                form.add_error(None, str(error))
                status = 403
            else:
                url = done_url(result) if callable(done_url) else done_url
                return done(request, url, message)
    return render_page(request, template, page, fragment=fragment, status=status)


class LoginRedirectMiddleware:
    """Where a signed-out person is sent to sign in: an htmx request must leave the
    page, not swap the sign-in form in; a form keeps what was typed in it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        page = self.get_response(request)
        if not isinstance(page, HttpResponseRedirect):
            return page
        if "/accounts/login/" not in page.url:
            return page
        if request.headers.get("HX-Request") == "true":
            moved = HttpResponse(status=204)
            moved["HX-Redirect"] = page.url
            return moved
        if typed_again({"request": request}):
            return render(request, "403_csrf.html", status=403)
        return page


def _incident_url(request: HttpRequest) -> str:
    """Where a refused person goes on: the incident of this address, else the start."""
    key = request.resolver_match.kwargs.get("key") if request.resolver_match else None
    return f"/incidents/{key}/" if key else "/"


def refusal(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The page of a refusal that no form caught."""
    return render(
        request,
        "409.html",
        {
            "message": error.message,
            "findings": getattr(error, "findings", []),
            "back_url": _incident_url(request),
        },
        status=error.status,
    )


class DomainErrorMiddleware:
    """A refusal that no form caught becomes a page that says what to do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        if isinstance(exception, DomainError):
            return refusal(request, exception)
        if isinstance(exception, ValidationError):
            return render(
                request,
                "409.html",
                {
                    "message": " ".join(exception.messages),
                    "findings": [],
                    "back_url": _incident_url(request),
                },
                status=422,
            )
        return None
