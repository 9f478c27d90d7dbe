"""The overview of one incident, its forms, people and findings."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents import selectors
from incidents.models import (
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    ScopeStatement,
    Waiver,
)
from incidents.services import claims, core, evidence, people, unknowns
from postmortem.lib.findings import Gate
from tests.factories import make_incident

URL = "/incidents/INC-1/"


def make_evidence(incident: Incident, actor: User, title: str = "Log"):
    return evidence.add_evidence(
        incident_id=incident.pk,
        actor=actor,
        kind="log_query",
        title=title,
        upload=SimpleUploadedFile(f"{title}.log", f"{title}: one line\n".encode()),
    )


def fill(incident: Incident, actor: User, tag: str) -> None:
    proof = make_evidence(incident, actor, f"Log {tag}")
    claims.add_scope(
        incident_id=incident.pk,
        actor=actor,
        audience="experienced",
        consequence=f"Card checkout hangs {tag}",
        evidence=[proof],
    )
    impact = claims.add_impact(
        incident_id=incident.pk,
        actor=actor,
        kind="customer",
        statement=f"6,418 payers waited {tag}",
        evidence=[proof],
    )
    claims.add_figure(
        incident_id=incident.pk,
        actor=actor,
        impact=impact,
        measure="clients",
        label=f"payers {tag}",
        count=6418,
        evidence=[proof],
    )
    unknowns.add_unknown(
        incident_id=incident.pk, actor=actor, question=f"Why {tag}?", evidence=[proof]
    )


class TestIncidentDetail:
    def test_is_open_to_a_viewer_without_any_verb(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        fill(incident, commander, "A")
        client.force_login(viewer)

        text = client.get(URL).content.decode()

        assert "Card checkout hangs A" in text
        for verb in ("/edit/", "/add/", "/close/", "/withdraw/", "/accept/"):
            assert f'{verb}"' not in text

    def test_hides_a_restricted_incident(
        self, client: Client, commander: User, responder: User
    ):
        make_incident(actor=commander, is_restricted=True)
        client.force_login(responder)

        assert client.get(URL).status_code == 404
        assert client.post(f"{URL}scope/add/").status_code == 404

    @pytest.mark.parametrize(
        "key", ["INC-2", "INC-x", "XX-1", "INC-99999999999", "INC-²"]
    )
    def test_is_404_for_what_is_not_there(
        self, client: Client, incident, commander, key
    ):
        client.force_login(commander)

        assert client.get(f"/incidents/{key}/").status_code == 404

    def test_asks_a_visitor_to_sign_in(self, client: Client, incident: Incident):
        assert client.get(URL).status_code == 302

    def test_is_closed_to_somebody_without_a_role(
        self, client: Client, incident: Incident, outsider: User
    ):
        client.force_login(outsider)

        assert client.get(URL).status_code == 403

    def test_keeps_users_and_internal_scope_apart(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-SC-05"""
        for audience, words in (("experienced", "Payers wait"), ("internal", "Stuck")):
            claims.add_scope(
                incident_id=incident.pk,
                actor=commander,
                audience=audience,
                consequence=words,
            )
        client.force_login(commander)

        page = client.get(URL)

        assert [r.consequence for r in page.context["users_scope"]] == ["Payers wait"]
        assert [r.consequence for r in page.context["internal_scope"]] == ["Stuck"]

    def test_asks_for_all_three_kinds_of_impact(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-SC-10"""
        client.force_login(commander)

        text = client.get(URL).content.decode()

        for kind in ("customer", "operational", "business"):
            assert f"/impact/add/?kind={kind}" in text
        assert text.count("“No material change found” is an answer too") == 3

    def test_sets_figures_in_bold_where_the_sentence_names_them(
        self, client: Client, incident: Incident, commander: User
    ):
        proof = make_evidence(incident, commander)
        impact = claims.add_impact(
            incident_id=incident.pk,
            actor=commander,
            kind="business",
            statement="1,284.00 EUR <of> 51,284.00 EUR",
        )
        claims.add_figure(
            incident_id=incident.pk,
            actor=commander,
            impact=impact,
            measure="cost",
            label="Duplicates",
            amount=Decimal("1284"),
            currency="EUR",
            evidence=[proof],
        )
        client.force_login(commander)

        text = client.get(URL).content.decode()

        assert "<b>1,284.00 EUR</b> &lt;of&gt; 51,284.00 EUR" in text

    def test_names_who_is_missing_in_the_strip_of_roles(
        self, client: Client, incident: Incident, commander: User, responder: User
    ):
        """R-RO-02"""
        people.set_duty(
            incident_id=incident.pk, actor=commander, user=responder, duty="engineering"
        )
        client.force_login(commander)

        page = client.get(URL)

        roles = {role["label"]: role["people"] for role in page.context["roles"]}
        assert roles["Commander"] == ["IC on call"]
        assert roles["Engineering"] == ["Payments engineering lead"]
        assert roles["Scribe"] == []
        assert "/people/add/?duty=scribe" in page.content.decode()

    def test_says_what_blocks_and_links_to_the_fix(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        page = client.get(URL)
        found = [f for f in selectors.findings(incident) if f.is_blocking]

        near = [f for f in found if Gate.STABILIZE in f.gates]
        assert page.context["blocking_total"] == len(near) > 0
        assert page.context["later_total"] == len(found) - len(near) > 0
        assert page.context["workspace"]["blocking"] == len(found)
        text = page.content.decode()
        assert "What still blocks stabilizing" in text
        assert f'href="{near[0].url}"'.replace("&", "&amp;") in text

    def test_costs_the_same_when_the_rows_double(
        self, client: Client, incident: Incident, commander: User
    ):
        fill(incident, commander, "A")
        client.force_login(commander)
        client.get(URL)  # the first look at an incident runs its checks
        fill(incident, commander, "B")  # what was read before is read anew
        with CaptureQueriesContext(connection) as few:
            client.get(URL)
        for tag in "CDE":
            fill(incident, commander, tag)
        with CaptureQueriesContext(connection) as many:
            client.get(URL)

        assert len(many) == len(few)


CASES = [
    ("scope/add/", {"audience": "experienced", "consequence": ""}, "consequence"),
    ("impact/add/", {"kind": "customer", "statement": ""}, "statement"),
    ("unknowns/add/", {"question": ""}, "question"),
    ("people/add/", {"user": "", "duty": "scribe"}, "user"),
    ("lanes/add/", {"name": ""}, "name"),
    ("cancel/", {"reason": ""}, "reason"),
    ("severity/", {"severity": "SEV1", "reason": ""}, "reason"),
]


class TestForms:
    @pytest.mark.parametrize(("path", "sent", "field"), CASES)
    def test_refuse_bad_input_with_422_and_say_where(
        self, client: Client, incident, commander, path, sent, field
    ):
        client.force_login(commander)

        page = client.post(URL + path, sent)

        assert page.status_code == 422
        assert field in page.context["form"].errors

    @pytest.mark.parametrize(("path", "sent", "field"), CASES)
    def test_are_closed_to_a_viewer(
        self, client: Client, incident, viewer, path, sent, field
    ):
        client.force_login(viewer)

        assert client.get(URL + path).status_code == 403
        assert client.post(URL + path, sent).status_code == 403

    @pytest.mark.parametrize(("path", "sent", "field"), CASES)
    def test_open_in_the_drawer_without_the_page_around(
        self, client: Client, incident, commander, path, sent, field
    ):
        client.force_login(commander)

        page = client.get(URL + path, headers={"HX-Request": "true"})

        assert page.status_code == 200
        assert b"<html" not in page.content
        assert b'id="pm-drawer-title"' in page.content

    def test_keep_what_was_typed(self, client: Client, incident, commander):
        client.force_login(commander)

        page = client.post(
            f"{URL}figures/add/",
            {"label": "Payers <hit>", "measure": "clients", "count": "many"},
        )

        assert page.status_code == 422
        assert 'value="Payers &lt;hit&gt;"' in page.content.decode()
        assert 'value="many"' in page.content.decode()

    def test_show_both_texts_after_a_stale_edit(
        self, client: Client, incident: Incident, commander: User
    ):
        row = claims.add_scope(
            incident_id=incident.pk,
            actor=commander,
            audience="internal",
            consequence="Before",
        )
        claims.edit_scope(
            incident_id=incident.pk, actor=commander, number=1, consequence="Theirs"
        )
        client.force_login(commander)

        page = client.post(
            f"{URL}scope/1/edit/",
            {"audience": "internal", "consequence": "Mine", "version": row.version},
        )

        assert page.status_code == 409
        assert b"Theirs" in page.content
        assert b"Mine" in page.content
        assert ScopeStatement.objects.get().consequence == "Theirs"


class TestVerbs:
    def test_scope_closes_only_with_a_signal(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-SC-08"""
        claims.add_scope(
            incident_id=incident.pk,
            actor=commander,
            audience="internal",
            consequence="Stuck",
        )
        proof = make_evidence(incident, commander)
        client.force_login(commander)

        without = client.post(f"{URL}scope/1/close/", {"closing_evidence": ""})
        closed = client.post(f"{URL}scope/1/close/", {"closing_evidence": proof.pk})
        row = ScopeStatement.objects.get()

        assert without.status_code == 422
        assert closed.url == f"{URL}#SC-1"
        assert (row.state, row.closing_evidence) == ("closed", proof)

    def test_scope_reopens_with_a_reason(
        self, client: Client, incident: Incident, commander: User
    ):
        claims.add_scope(
            incident_id=incident.pk,
            actor=commander,
            audience="internal",
            consequence="Stuck",
        )
        claims.close_scope(
            incident_id=incident.pk,
            actor=commander,
            number=1,
            closing_evidence=make_evidence(incident, commander),
        )
        client.force_login(commander)

        assert client.post(f"{URL}scope/1/reopen/", {"reason": ""}).status_code == 422
        client.post(f"{URL}scope/1/reopen/", {"reason": "It came back."})

        assert ScopeStatement.objects.get().state == "open"

    def test_withdrawn_rows_leave_the_page_but_not_the_record(
        self, client: Client, incident: Incident, commander: User
    ):
        fill(incident, commander, "A")
        client.force_login(commander)

        client.post(f"{URL}impact/1/withdraw/", {"reason": "Counted twice."})

        assert ImpactStatement.objects.get().retraction_reason == "Counted twice."
        assert client.get(f"{URL}impact/1/edit/").status_code == 404

    def test_figure_and_impact_are_added_and_edited(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        client.post(
            f"{URL}impact/add/", {"kind": "business", "statement": "Lost sales"}
        )
        impact = ImpactStatement.objects.get()
        client.post(
            f"{URL}figures/add/",
            {
                "impact": impact.pk,
                "measure": "revenue",
                "label": "Lost sales",
                "amount": "412,860.20",
                "currency": "eur",
                "basis": "estimate",
                "method": "Mean of four weeks",
            },
        )

        figure = ImpactFigure.objects.get()
        assert (figure.amount, figure.currency) == (Decimal("412860.20"), "EUR")
        assert b"412,860.20" in client.get(URL).content

    def test_unknown_is_resolved_or_accepted(
        self, client: Client, incident: Incident, commander: User
    ):
        for question in ("First?", "Second?"):
            unknowns.add_unknown(
                incident_id=incident.pk,
                actor=commander,
                question=question,
                owner=commander,
            )
        client.force_login(commander)

        client.post(f"{URL}unknowns/1/resolve/", {"resolution": "It did."})
        client.post(f"{URL}unknowns/2/accept/", {"reason": "The log is gone."})

        states = list(KnownUnknown.objects.values_list("state", flat=True))
        assert states == ["resolved", "accepted"]
        assert b"The log is gone." in client.get(URL).content

    def test_command_is_handed_over(
        self, client: Client, incident: Incident, commander: User, administrator: User
    ):
        """R-RO-01"""
        client.force_login(commander)

        client.post(
            f"{URL}people/hand-over/", {"to": administrator.pk, "reason": "Shift"}
        )
        page = client.get(f"{URL}people/")

        assert [row.user for row in page.context["current"]] == [administrator]
        assert [row.user for row in page.context["past"]] == [commander]

    def test_a_gate_that_is_closed_says_what_holds_it(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        page = client.post(f"{URL}stabilize/")

        assert page.status_code == 409
        assert page.context["findings"]
        assert Incident.objects.get().status == "active"

    def test_a_verb_is_not_done_by_looking(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        for path in ("stabilize/", "all-clear/", "cancel/", "people/1/end/"):
            client.get(URL + path)
        incident.refresh_from_db()

        assert (incident.status, incident.all_clear_at) == ("active", None)

    def test_a_saved_drawer_reloads_the_page_it_stands_on(
        self, client: Client, incident: Incident, commander: User
    ):
        """Going to the same address with another anchor would not reload it."""
        client.force_login(commander)

        page = client.post(
            f"{URL}scope/add/",
            {"audience": "internal", "consequence": "Stuck"},
            headers={
                "HX-Request": "true",
                "HX-Current-URL": f"http://testserver{URL}",
            },
        )

        assert page["HX-Refresh"] == "true"
        assert "HX-Redirect" not in page


class TestWorkspace:
    def test_shows_how_far_the_incident_has_come(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        around = client.get(f"{URL}activity/").context["workspace"]

        assert [(s["label"], s["state"]) for s in around["steps"]] == [
            ("Active", "current"),
            ("Stabilized", "blocked"),
            ("In review", "todo"),
            ("Closed", "todo"),
        ]
        assert around["steps"][0]["note"] == "17 Mar 10:20"

    def test_a_cancelled_one_ends_there(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)
        client.post(f"{URL}cancel/", {"reason": "A false alarm."})

        page = client.get(URL)

        assert [s["label"] for s in page.context["workspace"]["steps"]] == [
            "Active",
            "Cancelled",
        ]
        assert b"A false alarm." in page.content

    def test_offers_only_the_verbs_that_role_and_status_allow(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        def menu(user: User) -> list[str]:
            client.force_login(user)
            page = client.get(f"{URL}activity/")
            return [item["label"] for item in page.context["workspace"]["menu"]]

        assert menu(viewer) == ["People and duties", "Export the case (JSON)"]
        assert menu(commander) == [
            "Edit incident",
            "Change severity",
            "People and duties",
            "Change the clock",
            "Declare stabilized",
            "Give the all-clear",
            "Cancel incident",
            "Export the case (JSON)",
        ]

    def test_has_the_tabs_of_all_apps_in_the_order_of_the_story(
        self, client: Client, incident: Incident, commander: User
    ):
        fill(incident, commander, "A")
        client.force_login(commander)

        tabs = client.get(f"{URL}activity/").context["workspace"]["tabs"]

        assert [tab["name"] for tab in tabs] == [
            "overview",
            "timeline",
            "evidence",
            "causes",
            "actions",
            "review",
            "activity",
        ]
        counts = {tab["name"]: tab["count"] for tab in tabs}
        assert counts["evidence"] == 1
        assert [tab["name"] for tab in tabs if tab["active"]] == ["activity"]


class TestFindings:
    def accept_url(self, incident: Incident) -> str:
        finding = next(f for f in selectors.findings(incident) if f.level == "warning")
        return f"{URL}findings/accept/?check={finding.id}&finding={finding.key}"

    def test_an_advisory_one_is_accepted_with_a_reason(
        self, client: Client, incident: Incident, reviewer: User
    ):
        client.force_login(reviewer)
        url = self.accept_url(incident)

        assert client.get(url).status_code == 200
        assert client.post(url, {"reason": ""}).status_code == 422
        assert client.post(url, {"reason": "Known."}).url == f"{URL}findings/"

        assert Waiver.objects.get().reason == "Known."
        assert "Known." in client.get(f"{URL}findings/").content.decode()

    def test_a_responder_may_not(
        self, client: Client, incident: Incident, responder: User
    ):
        client.force_login(responder)

        assert client.get(self.accept_url(incident)).status_code == 403
        assert "findings/accept" not in client.get(f"{URL}findings/").content.decode()

    def test_an_address_without_its_key_means_the_only_one_of_the_check(
        self, client: Client, incident: Incident, reviewer: User
    ):
        client.force_login(reviewer)
        found = Counter(
            f.id for f in selectors.findings(incident) if f.level != "error"
        )
        only = next(check for check, count in found.items() if count == 1)
        bare = f"{URL}findings/accept/?check={only}"

        page = client.get(bare)
        drawer = client.get(bare, headers={"HX-Request": "true"})
        assert "<html" in page.text
        assert 'id="pm-drawer-title"' in drawer.text
        assert "<html" not in drawer.text
        assert client.post(bare, {"reason": "Known."}).url == f"{URL}findings/"
        assert Waiver.objects.get().reason == "Known."

    def test_one_that_is_gone_or_not_the_only_one_leads_to_all_of_them(
        self, client: Client, incident: Incident, reviewer: User
    ):
        client.force_login(reviewer)
        found = Counter(f.id for f in selectors.findings(incident))
        [(several, count)] = found.most_common(1)
        assert count > 1

        gone = f"{URL}findings/accept/?check=ZZ999&finding=x"
        assert client.get(gone).url == f"{URL}findings/"
        assert "This finding is no longer open." in client.get(gone, follow=True).text
        many = f"{URL}findings/accept/?check={several}"
        words = f"{several} has {count} findings. Choose the one that you accept."
        assert words in client.get(many, follow=True).text
        drawer = client.get(many, headers={"HX-Request": "true"})
        assert (drawer.status_code, drawer["HX-Redirect"]) == (204, f"{URL}findings/")

    def test_is_taken_back_with_a_reason(
        self, client: Client, incident: Incident, reviewer: User
    ):
        client.force_login(reviewer)
        client.post(self.accept_url(incident), {"reason": "Known."})

        client.post(f"{URL}findings/1/withdraw/", {"reason": "It matters after all."})

        assert Waiver.objects.get().is_retracted


class TestActivityList:
    def test_tells_who_did_what_and_why_newest_first(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-TL-11"""
        claims.add_scope(
            incident_id=incident.pk,
            actor=commander,
            audience="internal",
            consequence="Before",
        )
        claims.edit_scope(
            incident_id=incident.pk, actor=commander, number=1, consequence="After"
        )
        core.retract_record(
            incident_id=incident.pk,
            actor=commander,
            model=ScopeStatement,
            number=1,
            reason="Counted elsewhere.",
            permission="scope.edit",
        )
        client.force_login(commander)

        page = client.get(f"{URL}activity/")
        text = page.content.decode()

        assert [entry.sequence for entry, _ in page.context["entries"]] == [4, 3, 2, 1]
        assert "Counted elsewhere." in text
        assert re.search(r"Before: </span>Before.*Now: </span>After", text)
        incident.refresh_from_db()
        assert incident.activity_head in text

    def test_narrows_to_one_row_and_to_words(
        self, client: Client, incident: Incident, commander: User
    ):
        fill(incident, commander, "A")
        client.force_login(commander)

        one = client.get(f"{URL}activity/?subject=SC-1")
        words = client.get(f"{URL}activity/?q=declared")

        assert {e.subject_ref for e, _ in one.context["entries"]} == {"SC-1"}
        assert [e.sequence for e, _ in words.context["entries"]] == [1]

    def test_costs_the_same_for_many_entries(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)
        client.get(URL)  # the first look at an incident runs its checks
        fill(incident, commander, "A")  # what was read before is read anew
        with CaptureQueriesContext(connection) as few:
            client.get(f"{URL}activity/")
        fill(incident, commander, "B")
        with CaptureQueriesContext(connection) as many:
            client.get(f"{URL}activity/")

        assert len(many) == len(few)
