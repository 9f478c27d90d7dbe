"""The admin site looks and does not touch, and hides what one may not see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Role, User
from incidents.models import Incident
from incidents.services.cases import check_case, import_case
from tests.factories import make_incident, make_scope

DEMO = Path(__file__).resolve().parents[2] / "demo" / "gateway-failure.json"
MODELS = list(admin.site._registry)


def url(model: type[Model], rest: str = "") -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{rest}"


@pytest.fixture
def site(db, commander: User) -> Client:
    """Signed in as a superuser: the most that anybody may."""
    commander.is_staff = commander.is_superuser = True
    commander.save()
    client = Client()
    client.force_login(commander)
    return client


@pytest.fixture
def case(commander: User) -> Incident:
    """A whole case: rows of nearly every kind."""
    return import_case(actor=commander, case=check_case(json.loads(DEMO.read_text())))


def test_nothing_may_be_edited(rf, commander: User):
    commander.is_staff = commander.is_superuser = True
    request = rf.get("/")
    request.user = commander
    open_ones = {
        model._meta.label
        for model in MODELS
        if (options := admin.site._registry[model]).has_add_permission(request)
        or options.has_change_permission(request)
        or options.has_delete_permission(request)
    }
    assert open_ones == set()
    assert admin.site.index_title == "To look at only; nothing is changed here"


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m._meta.label)
def test_no_address_writes_a_row(site: Client, case: Incident, model):
    """List, row and history open; adding, changing and deleting are refused."""
    assert site.get(url(model)).status_code == 200
    assert site.get(url(model, "add/")).status_code == 403
    assert site.post(url(model, "add/"), {}).status_code == 403
    assert site.post(url(model), {"action": "delete_selected"}).status_code != 500
    row = model._default_manager.first()
    if row is None:
        return
    count = model._default_manager.count()
    assert site.get(url(model, f"{row.pk}/change/")).status_code == 200
    assert site.post(url(model, f"{row.pk}/change/"), {}).status_code == 403
    assert site.post(url(model, f"{row.pk}/delete/"), {"post": "yes"}).status_code == (
        403
    )
    assert model._default_manager.count() == count


@pytest.mark.parametrize("query", ["q=%00", "status__exact=%00", "o=%00"])
def test_an_address_with_a_nul_leads_to_the_list(site: Client, case, query: str):
    """PostgreSQL takes none in a text."""
    page = site.get(f"{url(Incident)}?{query}")
    assert page["Location"] == f"{url(Incident)}?e=1"
    assert case.title in site.get(page["Location"]).content.decode()


def test_leads_to_the_history_of_the_product(site: Client, case: Incident):
    row = case.scopestatements.earliest("number")
    page = site.get(url(type(row), f"{row.pk}/history/"))
    assert page["Location"] == f"/incidents/{case.key}/history/{row.ref}/"


def test_a_restricted_incident_is_hidden_from_staff(commander, responder):
    made = make_incident(actor=commander, is_restricted=True, title="Quiet matter")
    row = make_scope(made, actor=commander, consequence="Quiet consequence")
    responder.is_staff = True
    responder.save()
    responder.user_permissions.set(
        Permission.objects.filter(codename__startswith="view")
    )
    client = Client()
    client.force_login(responder)
    for thing in (made, row):
        model = type(thing)
        listing = client.get(url(model))
        assert listing.status_code == 200
        assert b"Quiet" not in listing.content
        assert client.get(url(model, f"{thing.pk}/change/")).status_code == 302


def test_a_list_costs_the_same_for_many_rows(site: Client, incident, commander):
    def cost(path: str) -> int:
        site.get(path)
        with CaptureQueriesContext(connection) as queries:
            site.get(path)
        assert not [
            q for q in queries if "COUNT" in q["sql"] and "WHERE" not in q["sql"]
        ]
        return len(queries)

    paths = ["/admin/incidents/scopestatement/?q=1", "/admin/incidents/incident/"]
    make_scope(incident, actor=commander)
    few = [cost(path) for path in paths]
    for number in range(20):
        make_scope(incident, actor=commander, consequence=f"Line {number}")
        make_incident(actor=commander, title=f"Incident {number}")
    assert [cost(path) for path in paths] == few


def test_the_role_opens_the_site_to_staff(responder: User):
    """An administrator by role needs no superuser; other staff sees nothing."""
    responder.is_staff = True
    responder.save()
    client = Client()
    client.force_login(responder)
    assert client.get("/admin/incidents/severitypolicy/").status_code == 403

    responder.groups.add(Group.objects.get(name=Role.ADMIN))
    assert client.get("/admin/incidents/severitypolicy/").status_code == 200
