"""The account page: my details, my preferences, my API tokens."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import services
from accounts.decorators import signed_in
from accounts.forms import PreferencesForm, TokenForm
from accounts.models import ApiToken, Role, User
from postmortem.lib.htmx import add_errors, form_page, render_page


@signed_in
def account_detail(request: HttpRequest) -> HttpResponse:
    """Who I am here, what I may do, and the tokens that act in my name."""
    user = cast(User, request.user)
    return render_page(
        request,
        "accounts/account_detail.html",
        {
            "title": "Account",
            "roles": [Role(name).label for name in sorted(user.roles)],
            "teams": user.teams.all(),
            "managed": user.managed_teams.all(),
            "tokens": user.api_tokens.all(),
            "now": timezone.now(),
        },
    )


@signed_in
def preferences_edit(request: HttpRequest) -> HttpResponse:
    """Time zone and email."""
    user = cast(User, request.user)
    form = PreferencesForm(
        request.POST if request.method == "POST" else None,
        initial={
            "time_zone": user.time_zone,
            "notify_by_email": user.notify_by_email,
        },
    )
    return form_page(
        request,
        form,
        lambda data: services.change_preferences(actor=user, **data),
        title="Preferences",
        done_url=reverse("accounts:account_detail"),
        cancel_url=reverse("accounts:account_detail"),
        message="Your preferences are saved.",
    )


@never_cache
@signed_in
def token_add(request: HttpRequest) -> HttpResponse:
    """A new token. The secret is in the answer to this request and nowhere else."""
    user = cast(User, request.user)
    form = TokenForm(request.POST if request.method == "POST" else None, user=user)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            try:
                token, secret = services.create_api_token(
                    actor=user,
                    name=data["name"],
                    scopes=data["scopes"],
                    kind=data["kind"],
                    expires_at=data["expires_on"],
                )
            except ValidationError as error:
                add_errors(form, error)
            else:
                return render_page(
                    request,
                    "accounts/token_created.html",
                    {"title": "Token created", "token": token, "secret": secret},
                    status=201,
                )
    return render_page(
        request,
        "accounts/token_add.html",
        {
            "title": "New API token",
            "form": form,
            "submit_label": "Create token",
            "cancel_url": reverse("accounts:account_detail"),
        },
        status=status,
    )


@signed_in
@require_POST
def token_revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Make one of my tokens useless from now on."""
    try:
        token = services.revoke_api_token(
            actor=cast(User, request.user), token_id=token_id
        )
    except ApiToken.DoesNotExist:
        raise Http404("no such token") from None
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect("accounts:account_detail")
