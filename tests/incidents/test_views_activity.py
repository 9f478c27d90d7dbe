"""History: who did what and why, the rows that a deed wrote, the life of one row."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from accounts.models import User
from incidents.models import ActivityEntry, Incident, ScopeStatement, Verification
from incidents.services import core
from incidents.services.claims import add_scope, edit_scope
from incidents.services.verification import verify_incident
from tests.conftest import HTMX
from tests.factories import make_evidence, make_incident, make_scope
from tests.incidents.conftest import fill


@pytest.fixture
def page(client: Client, commander: User) -> Client:
    client.force_login(commander)
    return client


def url(incident: Incident, rest: str = "") -> str:
    return f"/incidents/{incident.key}/{rest}"


def words(answer: object) -> str:
    """The text of a page, without its marks."""
    html = answer.content.decode()  # type: ignore[attr-defined]
    return " ".join(strip_tags(html.partition("<main")[2] or html).split())


def reworded(incident: Incident, actor: User) -> ScopeStatement:
    """SC-1: linked to EV-1 when it is added, then reworded, linked to EV-2 as well, and
    EV-1 withdrawn."""
    first = make_evidence(incident, actor=actor, title="First chart")
    second = make_evidence(incident, actor=actor, title="Second chart")
    row = make_scope(
        incident,
        actor=actor,
        consequence="Card orders stayed without confirmation",
        evidence=[first],
    )
    edit_scope(
        incident_id=incident.pk,
        actor=actor,
        number=row.number,
        consequence="Card orders stayed without any confirmation",
    )
    core.link_evidence(
        incident_id=incident.pk,
        actor=actor,
        model=ScopeStatement,
        number=row.number,
        evidence=[second],
        permission="scope.edit",
    )
    core.unlink_evidence(
        incident_id=incident.pk,
        actor=actor,
        model=ScopeStatement,
        number=row.number,
        evidence=first,
        reason="Another day.",
        permission="scope.edit",
    )
    return row


class TestRowHistory:
    def test_marks_the_words_that_changed(
        self, page: Client, incident: Incident, commander: User
    ):
        """R-TL-11"""
        reworded(incident, commander)

        answer = page.get(url(incident, "history/SC-1/"))

        html = answer.content.decode()
        assert "Card orders stayed without <ins>any</ins> confirmation" in html
        assert "Payment consequence" in words(answer)

    def test_names_the_evidence_that_came_and_went_with_the_reason(
        self, page: Client, incident: Incident, commander: User
    ):
        reworded(incident, commander)

        text = words(page.get(url(incident, "history/SC-1/")))

        assert "No longer linked EV-1" in text
        assert "Another day." in text
        assert "Linked EV-2 Second chart" in text
        assert text.index("No longer linked EV-1") < text.index("Linked EV-2")
        assert text.index("Linked EV-2") < text.index("Linked EV-1")

    def test_tells_of_a_deed_on_another_row(
        self, page: Client, incident: Incident, commander: User, clock
    ):
        """Closing names the evidence: the deed is told under the scope line."""
        row = reworded(incident, commander)
        core.retract_record(
            incident_id=incident.pk,
            actor=commander,
            model=ScopeStatement,
            number=row.number,
            reason="Counted elsewhere.",
            permission="scope.edit",
        )

        text = words(page.get(url(incident, "history/SC-1/")))

        assert "withdrew SC-1" in text
        assert "Counted elsewhere." in text

    def test_is_the_same_in_the_drawer(
        self, page: Client, incident: Incident, commander: User
    ):
        reworded(incident, commander)

        answer = page.get(url(incident, "history/SC-1/"), headers=HTMX)

        html = answer.content.decode()
        assert "<ins>any</ins>" in html
        assert 'id="pm-drawer-title"' in html
        assert "<html" not in html

    def test_shows_the_incident_itself(self, page: Client, incident: Incident):
        assert "Webhook ingestion stalled" in words(
            page.get(url(incident, "history/case/"))
        )

    @pytest.mark.parametrize("ref", ["SC-9", "XX-1", "SC-", "SC-99999999999", "1"])
    def test_knows_no_other_row(self, page: Client, incident: Incident, ref: str):
        assert page.get(url(incident, f"history/{ref}/")).status_code == 404

    def test_hides_a_restricted_incident(
        self, client: Client, commander: User, responder: User
    ):
        quiet = make_incident(actor=commander, is_restricted=True)
        client.force_login(responder)

        assert client.get(url(quiet, "history/case/")).status_code == 404
        assert client.get(url(quiet, "activity/1/")).status_code == 404
        assert client.post(url(quiet, "activity/verify/")).status_code == 404
        assert not Verification.objects.exists()

    def test_goes_on_with_older_versions(
        self, page: Client, incident: Incident, commander: User, clock
    ):
        row = make_scope(incident, actor=commander, consequence="Version 1")
        for number in range(2, 50):
            clock.shift(60)
            edit_scope(
                incident_id=incident.pk,
                actor=commander,
                number=row.number,
                consequence=f"Version {number}",
            )

        newest = page.get(url(incident, "history/SC-1/"))
        older = page.get(
            url(incident, "history/SC-1/"), {"before": newest.context["older"]}
        )

        shown = list(newest.context["deeds"])
        rest = list(older.context["deeds"])
        assert len(shown) + len(rest) == 49
        assert shown[-1].sequence == rest[0].sequence + 1
        assert older.context["older"] == ""
        assert (
            page.get(url(incident, "history/SC-1/"), {"before": "yes"}).status_code
            == 404
        )

    def test_costs_the_same_for_many_versions(
        self, page: Client, incident: Incident, commander: User, clock
    ):
        row = reworded(incident, commander)
        page.get(url(incident, "history/SC-1/"))
        with CaptureQueriesContext(connection) as few:
            page.get(url(incident, "history/SC-1/"))
        for number in range(30):
            clock.shift(60)
            edit_scope(
                incident_id=incident.pk,
                actor=commander,
                number=row.number,
                consequence=f"Version {number}",
            )
        page.get(url(incident, "history/SC-1/"))  # both are second looks
        with CaptureQueriesContext(connection) as many:
            page.get(url(incident, "history/SC-1/"))

        assert len(many) == len(few) <= 20


class TestActivityDetail:
    def test_shows_the_rows_of_one_deed(
        self, page: Client, incident: Incident, commander: User
    ):
        reworded(incident, commander)
        edited = ActivityEntry.objects.get(incident=incident, verb__endswith="edited")
        linked = ActivityEntry.objects.get(incident=incident, verb__endswith="_linked")

        one = words(page.get(url(incident, f"activity/{edited.sequence}/")))
        other = words(page.get(url(incident, f"activity/{linked.sequence}/")))

        assert "Changed: scope statement SC-1" in one
        assert "without any confirmation" in one
        assert "Linked EV-2 to SC-1" in other

    def test_knows_no_other_entry(self, page: Client, incident: Incident):
        assert page.get(url(incident, "activity/99/")).status_code == 404


class TestActivityList:
    def test_filters_by_person_verb_row_and_time(
        self,
        page: Client,
        incident: Incident,
        commander: User,
        responder: User,
        clock,
    ):
        make_scope(incident, actor=commander)
        clock.shift(3600)
        make_scope(incident, actor=responder)

        def found(**filters: str | int) -> list[str]:
            answer = page.get(url(incident, "activity/"), filters)
            return [entry.subject_ref for entry, _ in answer.context["entries"]]

        assert found(person=responder.pk) == ["SC-2"]
        assert found(subject="SC-1") == ["SC-1"]
        assert found(verb="incidents.incident_declared") == [""]
        assert found(since="2026-03-17 11:00") == ["SC-2"]
        assert found(until="2026-03-17 11:00", verb="incidents.scope_added") == ["SC-1"]
        assert found(q="nobody said this") == []

    def test_says_which_filter_it_cannot_read(self, page: Client, incident: Incident):
        answer = page.get(url(incident, "activity/"), {"since": "yesterday-ish"})

        assert "could not be read as a time" in words(answer)
        assert answer.context["entries"]

    def test_goes_on_with_older_entries_under_the_same_filters(
        self, page: Client, incident: Incident, commander: User
    ):
        for number in range(45):
            add_scope(
                incident_id=incident.pk,
                actor=commander,
                audience="internal",
                consequence=f"Line {number}",
            )

        first = page.get(url(incident, "activity/"), {"person": commander.pk})
        second = page.get(
            url(incident, "activity/"),
            {"person": commander.pk, "before": first.context["older"]},
        )

        numbers = [
            entry.sequence
            for answer in (first, second)
            for entry, _ in answer.context["entries"]
        ]
        assert numbers == list(range(46, 0, -1))
        assert f"person={commander.pk}&amp;before=" in first.content.decode()
        assert second.context["older"] is None

    def test_tells_who_did_what_and_why_newest_first(
        self, page: Client, incident: Incident, commander: User
    ) -> None:
        """R-TL-11"""
        make_scope(incident, actor=commander, consequence="Before")
        edit_scope(
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

        found = page.get(url(incident, "activity/"))
        text = found.content.decode()

        assert [entry.sequence for entry, _ in found.context["entries"]] == [4, 3, 2, 1]
        assert "Counted elsewhere." in text
        assert re.search(r"Before: </span>Before.*Now: </span>After", text)
        incident.refresh_from_db()
        assert incident.activity_head in text

    def test_narrows_to_one_row_and_to_words(
        self, page: Client, incident: Incident, commander: User
    ) -> None:
        fill(incident, commander, "A")

        one = page.get(url(incident, "activity/?subject=SC-1"))
        told = page.get(url(incident, "activity/?q=declared"))

        assert {e.subject_ref for e, _ in one.context["entries"]} == {"SC-1"}
        assert [e.sequence for e, _ in told.context["entries"]] == [1]

    def test_costs_the_same_for_many_entries(
        self, page: Client, incident: Incident, commander: User
    ) -> None:
        page.get(url(incident))  # the first look at an incident runs its checks
        fill(incident, commander, "A")  # what was read before is read anew
        with CaptureQueriesContext(connection) as few:
            page.get(url(incident, "activity/"))
        fill(incident, commander, "B")
        with CaptureQueriesContext(connection) as many:
            page.get(url(incident, "activity/"))

        assert len(many) == len(few)


class TestActivityVerify:
    def test_says_nothing_before_anybody_has_looked(
        self, page: Client, incident: Incident
    ):
        assert "Not verified yet." in words(page.get(url(incident, "activity/")))

    def test_says_up_to_where_when_and_by_whom(
        self, page: Client, incident: Incident, commander: User
    ):
        page.post(url(incident, "activity/verify/"))
        make_scope(incident, actor=commander)

        text = words(page.get(url(incident, "activity/")))

        assert (
            "Verified up to entry 1, 17 Mar 2026, 10:20 UTC, by IC on call. Nothing was"
            in text
        )
        assert "1 entry came later and is not part of that." in text

    def test_lists_what_was_altered(self, page: Client, incident: Incident):
        Incident.objects.filter(pk=incident.pk).update(title="Nothing to see")

        page.post(url(incident, "activity/verify/"))

        text = words(page.get(url(incident, "activity/")))
        assert "1 fault found" in text
        assert "title differs from its last history row" in text

    def test_is_not_done_by_reading(self, page: Client, incident: Incident):
        assert page.get(url(incident, "activity/verify/")).status_code == 405
        assert not Verification.objects.exists()


class TestVerifyIncident:
    def test_keeps_no_part_of_the_record(self, incident: Incident, commander: User):
        seen = verify_incident(incident_id=incident.pk, actor=commander)

        incident.refresh_from_db()
        assert (seen.sequence, seen.head) == (1, incident.activity_head)
        assert incident.activity_count == 1
        assert seen.at == dt.datetime(2026, 3, 17, 10, 20, tzinfo=dt.UTC)
