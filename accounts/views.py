"""My account, its preferences and tokens; people, teams and who may do what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import services
from accounts.decorators import SignedInRequest, administrators, signed_in
from accounts.forms import (
    JoinForm,
    PartForm,
    PersonForm,
    PreferencesForm,
    TeamForm,
    TokenForm,
)
from accounts.models import AccessChange, ApiToken, PersonLink, Role, Team, User
from postmortem.lib.htmx import add_errors, form_page, posted, render_page, typed


@signed_in
def account_detail(request: SignedInRequest) -> HttpResponse:
    """Who I am here, what I may do, and the tokens that act in my name."""
    user = request.user
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
def preferences_edit(request: SignedInRequest) -> HttpResponse:
    """Time zone and email."""
    user = request.user
    form = PreferencesForm(
        posted(request),
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
def token_add(request: SignedInRequest) -> HttpResponse:
    """A new token. The secret is in the answer to this request and nowhere else."""
    user = request.user
    form = TokenForm(posted(request), user=user)
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
def token_revoke(request: SignedInRequest, token_id: int) -> HttpResponse:
    """Make one of my tokens useless from now on."""
    try:
        token = services.revoke_api_token(actor=request.user, token_id=token_id)
    except ApiToken.DoesNotExist:
        raise Http404("no such token") from None
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect("accounts:account_detail")


@signed_in
@require_POST
def sessions_end(request: SignedInRequest) -> HttpResponse:
    """Sign me out everywhere but here."""
    ended = services.end_other_sessions(
        actor=request.user, keep=request.session.session_key or ""
    )
    messages.success(
        request,
        f"Signed out of {ended} other session{'' if ended == 1 else 's'}."
        if ended
        else "You are signed in nowhere else.",
    )
    return redirect("accounts:account_detail")


# --- people and teams -----------------------------------------------------------------

PEOPLE = 100


@signed_in
def person_list(request: SignedInRequest) -> HttpResponse:
    """Everybody with role, team and manager; teams with theirs. Open to all who are
    signed in: at three in the morning one has to find who can act."""
    words = typed(request.GET, "q")
    role = request.GET.get("role", "")
    rows = User.objects.exclude(handle="system").prefetch_related(
        "groups", "teams__manager", "managed_teams"
    )
    for word in words.split():
        rows = rows.filter(
            Q(name__icontains=word)
            | Q(title__icontains=word)
            | Q(email__icontains=word)
        )
    if role in Role.values:
        rows = rows.filter(groups__name=role)
    if request.GET.get("off") != "1":
        rows = rows.filter(is_active=True)
    page = Paginator(rows.order_by("name", "pk"), PEOPLE).get_page(
        request.GET.get("page")
    )
    query = request.GET.copy()
    query.pop("page", None)
    return render_page(
        request,
        "accounts/person_list.html",
        {
            "title": "People and teams",
            "page": page,
            "people": _all_shown(page.object_list),
            "teams": Team.objects.select_related("manager").annotate(
                size=Count("members")
            ),
            "roles": Role.choices,
            "filters": {"q": words, "role": role, "off": request.GET.get("off")},
            "query": f"{query.urlencode()}&" if query else "",
            "may_change": _may_change(request),
            "now": timezone.now(),
        },
    )


def _all_shown(people: Iterable[User]) -> list[dict[str, object]]:
    rows = list(people)
    accounts = Counter(
        User.objects.filter(person_id__in={row.person_id for row in rows}).values_list(
            "person_id", flat=True
        )
    )
    return [{**_shown(row), "is_joined": accounts[row.person_id] > 1} for row in rows]


def _shown(person: User) -> dict[str, object]:
    names = person.roles_in(group.name for group in person.groups.all())
    return {
        "person": person,
        "roles": [label for value, label in Role.choices if value in names],
        "teams": person.teams.all(),
        "manages": person.managed_teams.all(),
        "managers": sorted(
            {
                team.manager.label
                for team in person.teams.all()
                if team.manager and team.manager_id != person.pk
            }
        ),
    }


def _may_change(request: SignedInRequest) -> bool:
    return Role.ADMIN in request.user.roles


@administrators
def access_list(request: SignedInRequest) -> HttpResponse:
    """Who gave or took whose access, when and why."""
    rows = AccessChange.objects.select_related("by", "person", "team")
    page = Paginator(rows, 50).get_page(request.GET.get("page"))
    return render_page(
        request,
        "accounts/access_list.html",
        {
            "title": "Changes of access",
            "page": page,
            "query": "",
            "links": PersonLink.objects.select_related(
                "account", "other", "by"
            ).order_by("-pk")[:50],
        },
    )


@administrators
def person_add(request: SignedInRequest) -> HttpResponse:
    """A new account."""
    return _people_form(
        request,
        PersonForm(posted(request)),
        lambda data: services.add_person(actor=request.user, **data),
        title="Add a person",
        submit_label="Add",
        message="The account is there. They choose a password by “Forgot your "
        "password?” on the sign-in page.",
    )


@administrators
def person_edit(request: SignedInRequest, person_id: int) -> HttpResponse:
    """Name, title, roles, and whether the account may be used."""
    account = _person(person_id)
    return _people_form(
        request,
        PersonForm(posted(request), account=account),
        lambda data: services.change_person(
            actor=request.user, account=account, **data
        ),
        title=f"Edit {account.name}",
        lead=f"{account.email or 'No address'}. Past deeds keep the name they had.",
        message=f"{account.name} is saved.",
    )


@administrators
def person_join(request: SignedInRequest, person_id: int) -> HttpResponse:
    """Say that two accounts belong to one human (R-AP-02)."""
    account = _person(person_id)
    return _people_form(
        request,
        JoinForm(posted(request), account=account),
        lambda data: services.join_person(actor=request.user, account=account, **data),
        title=f"Join {account.name} with another account",
        lead="Both stay. Nobody approves with one what they did with the other.",
        submit_label="Join",
        message="The accounts are known as one person.",
    )


@administrators
def person_part(request: SignedInRequest, person_id: int) -> HttpResponse:
    """Say that an account is another human's after all."""
    account = _person(person_id)
    return _people_form(
        request,
        PartForm(posted(request)),
        lambda data: services.part_person(actor=request.user, account=account, **data),
        title=f"Part {account.name} from the other account",
        submit_label="Part",
        message="The accounts are known as two people.",
    )


@administrators
def team_add(request: SignedInRequest) -> HttpResponse:
    """A new team."""
    return _team_form(request, None)


@administrators
def team_edit(request: SignedInRequest, team_id: int) -> HttpResponse:
    """Function, manager and members."""
    return _team_form(request, get_object_or_404(Team, pk=team_id))


def _team_form(request: SignedInRequest, team: Team | None) -> HttpResponse:
    return _people_form(
        request,
        TeamForm(posted(request), team=team),
        lambda data: services.save_team(
            actor=request.user,
            team=team,
            **{**data, "members": list(data["members"])},
        ),
        title=f"Edit {team.name}" if team else "Add a team",
        message="The team is saved.",
    )


def _person(person_id: int) -> User:
    return get_object_or_404(User.objects.exclude(handle="system"), pk=person_id)


def _people_form(
    request: SignedInRequest,
    form: forms.BaseForm,
    act: Callable[[dict[str, Any]], object],
    **words: Any,
) -> HttpResponse:
    url = reverse("accounts:person_list")
    return form_page(request, form, act, done_url=url, cancel_url=url, **words)
