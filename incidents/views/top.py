"""The top of every page: navigation, the person's menu, counts kept in the session."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Role, User
from incidents.selectors import top_counts
from postmortem.lib.addresses import page_url

MY_WORK, MY_APPROVALS = "my_work", "my_approvals"  # session: (count, timestamp)
WORK_COUNT_KEPT = timedelta(minutes=15)


def navigation(request: HttpRequest) -> dict[str, object]:
    """Context of every page: the top navigation. At most one query, of the number of
    active incidents and of unread messages; none for a visitor who is not signed in.

    The number on 'My work' is the one of the last look at that page, kept in the
    session for a quarter of an hour: the list itself costs a query per app.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_active:
        return {"nav_items": []}
    here = request.path
    without = (
        {} if user.roles else {"no_role": True, "administrators": _administrators()}
    )
    top = top_counts(user)
    return {
        **without,
        "nav_items": [
            {
                "label": "My work",
                "url": page_url("incidents:work_list"),
                "active": here == page_url("incidents:work_list"),
                "count": kept_count(request, MY_WORK),
            },
            {
                "label": "Incidents",
                "url": page_url("incidents:incident_list"),
                "active": here.startswith(("/incidents/", "/search/")),
            },
            {
                "label": "Actions",
                "url": page_url("actions:my_actions"),
                "active": here.startswith(page_url("actions:my_actions")),
            },
        ],
        "active_count": top["active"],
        "active_url": f"{page_url('incidents:incident_list')}?status=active",
        "search_url": page_url("incidents:search"),
        "notifications_url": page_url("incidents:notification_list"),
        "notifications_count": top["unread"],
        "user_menu": _user_menu(user.is_staff),
        "logout_url": page_url("account_logout"),
    }


@cache
def _user_menu(is_staff: bool) -> str:
    admin_url = page_url("admin:index") if is_staff else ""
    items = [
        {"label": label, "url": url, "icon": icon}
        for label, url, icon in (
            ("Account and API tokens", page_url("accounts:account_detail"), "key"),
            ("People and teams", page_url("accounts:person_list"), "users"),
            (
                "Thresholds by severity",
                page_url("incidents:policy_list"),
                "adjustments",
            ),
            ("Change password", page_url("account_change_password"), "lock"),
            ("Two-factor sign-in", page_url("mfa_index"), "shield-lock"),
            ("API documentation", page_url("api:docs"), "book"),
            ("Administration", admin_url, "settings"),
        )
        if url
    ]
    return render_to_string("components/_user_menu.html", {"items": items})


def _administrators() -> list[str]:
    """Whom somebody without a role can ask."""
    rows = User.objects.filter(is_active=True).filter(
        Q(groups__name=Role.ADMIN) | Q(is_superuser=True)
    )
    return [user.name for user in rows.distinct()[:5]]


def kept_count(request: HttpRequest, name: str) -> int | None:
    """A count of the last look, or None when that is a quarter of an hour ago."""
    kept = request.session.get(name)
    if not kept or timezone.now().timestamp() - kept[1] > WORK_COUNT_KEPT.seconds:
        return None
    return int(kept[0])


def keep_count(request: HttpRequest, name: str, count: int) -> None:
    """Remember how many things wait for this person: MY_WORK or MY_APPROVALS. Written
    only when it changed or grows old, so that a look costs no write."""
    kept = request.session.get(name)
    now = int(timezone.now().timestamp())
    if kept and kept[0] == count and now - kept[1] < WORK_COUNT_KEPT.seconds // 3:
        return
    request.session[name] = [count, now]
