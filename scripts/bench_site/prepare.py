"""What the benchmark asks for: eight signed-in people and the addresses, as JSON."""

from __future__ import annotations

import json
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import (  # noqa: E402
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
)
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db.models import Count  # noqa: E402
from django.urls import reverse  # noqa: E402

from accounts.models import Role, User  # noqa: E402
from incidents.models import Incident  # noqa: E402
from timeline.models import Entry  # noqa: E402


def signed_in(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def targets() -> dict[str, Any]:
    commanders = (
        User.objects.filter(groups__name=Role.COMMANDER, is_active=True)
        .annotate(owned=Count("duties"))
        .order_by("-owned", "pk")[:8]
    )
    user = commanders[0]
    counted = (
        Incident.objects.filter(is_restricted=False)
        .exclude(status="cancelled")
        .annotate(count=Count("entrys"))
    )

    def near(size: int, *statuses: str) -> Any:
        rows = counted.filter(status__in=statuses) if statuses else counted
        above = rows.filter(count__gte=size).order_by("count", "pk").first()
        found = above or rows.order_by("-count").first()
        assert found is not None
        return found

    usual = near(45, "in_review", "stabilized")
    large, huge = near(2000), near(5000, "in_review", "stabilized")
    open_one = near(40, "stabilized", "in_review")

    def page(name: str, incident: Incident) -> str:
        return reverse(name, args=[incident.key])

    return {
        "sessions": [signed_in(person) for person in commanders],
        "cookie": settings.SESSION_COOKIE_NAME,
        "csrf": settings.CSRF_COOKIE_NAME,
        "incidents": Incident.objects.count(),
        "entries": Entry.objects.count(),
        "sizes": {"usual": usual.count, "large": large.count, "huge": huge.count},
        "floor_incident": usual.pk,
        "pdf_incident": usual.pk,
        "open_incident": open_one.pk,
        "user": user.pk,
        "pages": {
            "list": reverse("incidents:incident_list") + "?view=all",
            "search": reverse("incidents:search") + "?q=payout+pending",
            "overview": page("incidents:incident_detail", usual),
            "timeline_large": page("timeline:entry_list", large),
            "timeline_huge": page("timeline:entry_list", huge),
            "filter_huge": page("timeline:entry_list", huge) + "?show=decisions",
            "findings": page("incidents:finding_list", large),
            "overdue": reverse("actions:my_actions") + "?show=overdue",
            "work": reverse("incidents:work_list"),
            "declare": reverse("incidents:incident_declare"),
            "add": page("timeline:entry_quick_add", open_one),
            "add_huge": page("timeline:entry_quick_add", huge),
        },
    }


print(json.dumps(targets()))
