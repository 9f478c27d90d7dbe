"""The admin site looks and does not touch, and hides what one may not see."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import Role
from incidents.models import Incident, SeverityPolicy
from tests.factories import make_evidence, make_incident, make_scope

EDITABLE = {"accounts.User", "accounts.Team", "incidents.SeverityPolicy"}


@pytest.fixture
def site(db, commander):
    """Signed in as a superuser: the most that anybody may."""
    commander.is_staff = commander.is_superuser = True
    commander.save()
    client = Client()
    client.force_login(commander)
    return client


def test_only_people_teams_and_policies_are_editable(rf, commander):
    commander.is_staff = commander.is_superuser = True
    request = rf.get("/")
    request.user = commander
    open_ones = {
        model._meta.label
        for model, options in admin.site._registry.items()
        if model._meta.app_label in {"accounts", "incidents"}
        and (
            options.has_add_permission(request)
            or options.has_change_permission(request)
            or options.has_delete_permission(request)
        )
    }
    assert open_ones == EDITABLE


def test_every_list_opens(site, incident, commander):
    make_scope(
        incident, actor=commander, evidence=[make_evidence(incident, actor=commander)]
    )
    for model in admin.site._registry:
        meta = model._meta
        if meta.app_label in {"accounts", "incidents"}:
            page = site.get(f"/admin/{meta.app_label}/{meta.model_name}/")
            assert page.status_code == 200, meta.label


def test_a_post_to_a_record_is_refused(site, incident):
    page = site.post(
        f"/admin/incidents/incident/{incident.pk}/change/", {"title": "Other"}
    )
    assert page.status_code == 403
    assert Incident.objects.get().title == "Webhook ingestion stalled"


def test_a_restricted_incident_is_hidden_from_staff(commander, responder):
    made = make_incident(actor=commander, is_restricted=True, title="Quiet matter")
    responder.is_staff = True
    responder.save()
    from django.contrib.auth.models import Permission

    responder.user_permissions.set(
        Permission.objects.filter(codename__startswith="view")
    )
    client = Client()
    client.force_login(responder)
    listing = client.get("/admin/incidents/incident/")
    assert listing.status_code == 200
    assert b"Quiet matter" not in listing.content
    assert client.get(f"/admin/incidents/incident/{made.pk}/change/").status_code == 302


def test_a_policy_is_editable(site):
    """Decision 15: the defaults per severity are editable."""
    page = site.post(
        "/admin/incidents/severitypolicy/SEV2/change/",
        {
            "severity": "SEV2",
            "gap_minutes": 10,
            "cadence_minutes": 25,
            "sustain_minutes": 45,
        },
    )
    assert page.status_code == 302
    assert SeverityPolicy.objects.get(pk="SEV2").sustain_minutes == 45


def test_a_person_is_added_with_email_as_handle(site):
    page = site.post(
        "/admin/accounts/user/add/",
        {
            "email": "New@Pay.example",
            "name": "Nia Ward",
            "usable_password": "true",
            "password1": "correct horse 9",
            "password2": "correct horse 9",
        },
    )
    assert page.status_code == 302
    from accounts.models import User

    assert User.objects.get(name="Nia Ward").handle == "new@pay.example"


def test_the_role_opens_the_site_to_staff(responder):
    """An administrator by role needs no superuser; other staff sees nothing."""
    responder.is_staff = True
    responder.save()
    client = Client()
    client.force_login(responder)
    assert client.get("/admin/incidents/severitypolicy/").status_code == 403

    responder.groups.add(Group.objects.get(name=Role.ADMIN))
    assert client.get("/admin/incidents/severitypolicy/").status_code == 200
