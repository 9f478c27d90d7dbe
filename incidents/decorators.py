"""How a page or an API view comes by its incident: one visible to this user, or 404;
visible but not allowed is 403."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase

from accounts.decorators import declare
from accounts.models import User
from incidents import permissions
from incidents.models import Incident

P = ParamSpec("P")


class SignedInRequest(HttpRequest):
    """A request behind a declared view: the user is a person of ours."""

    user: User


def find_incident(user: User, key: str) -> Incident:
    """The incident with this key (`INC-2041`) if this user may see it, else 404."""
    prefix, _, number = key.partition("-")
    if prefix != "INC" or not number.isdecimal() or len(number) > 9:
        raise Http404("no such incident")
    incident = (
        Incident.objects.visible_to(user)
        .filter(number=int(number))
        .select_related("declared_by")
        .first()
    )
    if incident is None:
        raise Http404("no such incident")
    return incident


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
        @wraps(view)
        def load(
            request: SignedInRequest, key: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            incident = find_incident(request.user, key)
            permissions.require(request.user, permission)
            return view(request, incident, *args, **kwargs)

        return declare(login_required(load), permission)

    return wrap


def requires(
    permission: str,
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Declare the permission of a page that belongs to no incident yet."""
    if permission not in permissions.TABLE:
        raise ValueError(f"{permission} is not in the permission table")

    def wrap(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def check(
            request: SignedInRequest, *args: Any, **kwargs: Any
        ) -> HttpResponseBase:
            permissions.require(request.user, permission)
            return view(request, *args, **kwargs)

        return declare(login_required(check), permission)

    return wrap
