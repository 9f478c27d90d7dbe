"""How a page or an API view comes by its incident: one visible to this user, or 404;
visible but not allowed is 403."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST

from accounts.decorators import SignedInRequest, declare, once
from accounts.models import User
from incidents import permissions
from incidents.models import Incident
from incidents.services.reads import note_read
from postmortem.lib.htmx import wants_fragment

P = ParamSpec("P")


def find_incident(user: User, key: str, place: str = "") -> Incident:
    """The incident with this key (`INC-2041`) if this user may see it, else 404.

    That a restricted one was opened is kept, with `place`, the address.
    """
    prefix, _, number = key.partition("-")
    if prefix != "INC" or not number.isdecimal() or len(number) > 9:
        raise Http404("no such incident")
    incident = Incident.objects.filter(number=int(number)).first()
    if incident is None or not incident.is_visible_to(user):
        raise Http404("no such incident")
    if incident.is_restricted:
        note_read(incident, user, place)
    return incident


def _frozen(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Instead of a form whose answer would be refused: what the record is, and how it
    opens again."""
    name = (
        "components/frozen_drawer.html"
        if wants_fragment(request)
        else "incidents/incident_frozen.html"
    )
    page = render(
        request,
        name,
        {
            "title": f"{incident.get_status_display()} and frozen",
            "incident": incident,
            "can_reopen": permissions.can(request.user, "review.reopen", incident),
        },
    )
    patch_vary_headers(page, ["HX-Request"])
    return page


def only_reads(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Declare a page that takes only a POST and yet writes nothing: what it is asked
    may be a secret, and an address stands in logs and histories."""
    view.only_reads = True  # type: ignore[attr-defined]
    return require_POST(view)


IncidentView = Callable[Concatenate[SignedInRequest, Incident, P], HttpResponseBase]


def incident_view(
    permission: str,
) -> Callable[[IncidentView[P]], Callable[..., HttpResponseBase]]:
    """Declare the permission of a page. `key` in the URL becomes the incident.

    A GET of a page that writes is refused to the wrong role too, so that nobody fills
    in a form in vain; a wrong status is left to the service, which says why.
    """
    if permission not in permissions.TABLE:
        raise ValueError(f"{permission} is not in the permission table")

    def wrap(view: IncidentView[P]) -> Callable[..., HttpResponseBase]:
        act = once(view)

        @wraps(view)
        def load(
            request: SignedInRequest, key: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if not request.user.roles:
                raise PermissionDenied(permissions.NO_ROLE)
            incident = find_incident(request.user, key, request.path)
            permissions.require(request.user, permission)
            if (
                incident.is_frozen
                and request.method == "GET"
                and not permissions.can(request.user, permission, incident)
            ):
                return _frozen(request, incident)
            return act(request, incident, *args, **kwargs)

        return declare(login_required(load), permission)

    return wrap


def requires(
    permission: str,
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Declare the permission of a page that belongs to no incident yet."""
    if permission not in permissions.TABLE:
        raise ValueError(f"{permission} is not in the permission table")

    def wrap(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        act = once(view)

        @wraps(view)
        def check(
            request: SignedInRequest, *args: Any, **kwargs: Any
        ) -> HttpResponseBase:
            permissions.require(request.user, permission)
            return act(request, *args, **kwargs)

        return declare(login_required(check), permission)

    return wrap
