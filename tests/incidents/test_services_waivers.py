"""Accepting findings: one person, two people, lapse, expiry."""

import datetime as dt

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from incidents import selectors
from incidents.deadlines import waivers_running_out
from incidents.models import ActivityEntry, Incident, Waiver
from incidents.services import claims, waivers
from incidents.services.core import retract_record
from postmortem.lib import findings
from postmortem.lib.errors import InvalidTransition, SeparationOfDuties
from postmortem.lib.findings import Gate, Level, Problem
from tests.conftest import NOW
from tests.factories import make_impact, make_scope, make_unknown

UNTIL = NOW + dt.timedelta(days=7)


def finding(incident, check_id):
    return next(f for f in selectors.findings(incident) if f.id == check_id)


def accept(incident, actor, item, **fields):
    fields.setdefault("reason", "known and small")
    return waivers.accept_finding(
        incident_id=incident.pk,
        actor=actor,
        check_id=item.id,
        finding_key=item.key,
        **fields,
    )


@pytest.fixture
def warning(incident, commander):
    make_scope(incident, actor=commander)
    return finding(incident, "SC002")


@pytest.fixture
def error(incident, commander):
    make_impact(incident, actor=commander, statement="", no_material_change=True)
    item = finding(incident, "SC008")
    assert item.level is Level.ERROR
    return item


class TestOnePerson:
    def test_accepts_a_warning_with_a_reason(self, incident, commander, warning):
        accept(incident, commander, warning)

        again = finding(incident, "SC002")
        assert again.accepted_by == "IC on call"
        assert not again.is_open

    def test_needs_a_reason(self, incident, commander, warning):
        with pytest.raises(ValidationError) as caught:
            accept(incident, commander, warning, reason=" ")
        assert caught.value.error_dict["reason"][0].code == "required"

    def test_needs_the_role(self, incident, responder, warning):
        with pytest.raises(PermissionDenied):
            accept(incident, responder, warning)

    def test_repeated_returns_the_one_that_stands(self, incident, commander, warning):
        first = accept(incident, commander, warning)
        assert accept(incident, commander, warning) == first
        assert Waiver.objects.count() == 1

    def test_refuses_a_finding_that_has_changed(self, incident, commander, warning):
        claims.edit_scope(
            incident_id=incident.pk,
            actor=commander,
            number=1,
            consequence="Payout batches waited",
        )
        with pytest.raises(ValidationError) as caught:
            accept(incident, commander, warning)
        assert caught.value.error_dict["finding_key"][0].code == "finding_changed"

    def test_lapses_when_what_lies_behind_it_changes(
        self, incident, commander, warning
    ):
        """Decision 10"""
        accept(incident, commander, warning)
        claims.edit_scope(
            incident_id=incident.pk,
            actor=commander,
            number=1,
            consequence="Payout batches waited",
        )
        assert finding(incident, "SC002").is_open

    def test_ends_with_its_expiry(self, incident, commander, warning, clock):
        accept(incident, commander, warning, expires_at=UNTIL)
        clock.move_to(UNTIL + dt.timedelta(seconds=1))
        assert finding(incident, "SC002").is_open

    def test_refuses_an_expiry_in_the_past(self, incident, commander, warning):
        with pytest.raises(ValidationError) as caught:
            accept(incident, commander, warning, expires_at=NOW)
        assert caught.value.error_dict["expires_at"][0].code == "past_deadline"

    def test_runs_out_for_who_accepted_it_when_nobody_owns_it(
        self, incident, commander, reviewer, warning
    ):
        accept(incident, commander, warning, expires_at=UNTIL)

        assert [item.ref for item in waivers_running_out(commander)] == ["WV-1"]
        assert list(waivers_running_out(reviewer)) == []

    def test_counts_here_though_it_was_given_elsewhere(
        self, incident, commander, warning
    ):
        given = accept(incident, commander, warning, expires_at=UNTIL)
        Waiver.objects.filter(pk=given.pk).update(is_attested=True)
        assert finding(incident, "SC002").is_open

        again = accept(incident, commander, warning)

        assert again.pk != given.pk
        assert not finding(incident, "SC002").is_open
        assert list(waivers_running_out(commander)) == []

    def test_withdrawn_opens_the_finding_again(self, incident, commander, warning):
        row = accept(incident, commander, warning)
        retract_record(
            incident_id=incident.pk,
            actor=commander,
            model=Waiver,
            number=row.number,
            reason="not so small",
            permission="finding.accept",
        )
        assert finding(incident, "SC002").is_open


class TestTwoPeople:
    """An ERROR is accepted by two people, for a time, with an owner (R-CT-08)."""

    def test_holds_only_after_the_second(
        self, incident, commander, reviewer, finance, error
    ):
        row = accept(incident, reviewer, error, expires_at=UNTIL, owner=commander)
        assert finding(incident, "SC008").is_blocking

        waivers.second_waiver(incident_id=incident.pk, actor=finance, number=row.number)

        item = finding(incident, "SC008")
        assert item.accepted_by == "Engineering manager and Finance director"
        assert not item.is_blocking
        assert (
            ActivityEntry.objects.latest("sequence").sentence
            == "seconded WV-1: SC008 is accepted"
        )

    def test_needs_owner_and_expiry_at_once(self, incident, reviewer, error):
        with pytest.raises(ValidationError) as caught:
            accept(incident, reviewer, error)
        assert set(caught.value.error_dict) == {"expires_at", "owner"}

    def test_refuses_the_same_person_twice(self, incident, reviewer, error):
        row = accept(incident, reviewer, error, expires_at=UNTIL, owner=reviewer)
        with pytest.raises(SeparationOfDuties):
            waivers.second_waiver(
                incident_id=incident.pk, actor=reviewer, number=row.number
            )

    def test_refuses_a_second_account_of_the_same_person(
        self, incident, reviewer, finance, error
    ):
        """R-AP-02"""
        row = accept(incident, reviewer, error, expires_at=UNTIL, owner=reviewer)
        finance.person_id = reviewer.person_id
        finance.save()
        with pytest.raises(SeparationOfDuties):
            waivers.second_waiver(
                incident_id=incident.pk, actor=finance, number=row.number
            )

    def test_refuses_a_third(self, incident, reviewer, finance, commander, error):
        row = accept(incident, reviewer, error, expires_at=UNTIL, owner=reviewer)
        run = {"incident_id": incident.pk, "number": row.number}
        waivers.second_waiver(actor=finance, **run)
        with pytest.raises(InvalidTransition):
            waivers.second_waiver(actor=commander, **run)

    def test_refuses_a_second_to_one_given_elsewhere(
        self, incident, reviewer, finance, error
    ):
        row = accept(incident, reviewer, error, expires_at=UNTIL, owner=reviewer)
        Waiver.objects.filter(pk=row.pk).update(is_attested=True)
        with pytest.raises(InvalidTransition, match="given elsewhere"):
            waivers.second_waiver(
                incident_id=incident.pk, actor=finance, number=row.number
            )

    def test_refuses_a_second_after_the_expiry(
        self, incident, reviewer, finance, error, clock
    ):
        row = accept(incident, reviewer, error, expires_at=UNTIL, owner=reviewer)
        clock.move_to(UNTIL)
        with pytest.raises(InvalidTransition):
            waivers.second_waiver(
                incident_id=incident.pk, actor=finance, number=row.number
            )

    def test_refuses_the_owner_of_the_subject(
        self, monkeypatch, incident, reviewer, finance
    ):
        monkeypatch.setattr(findings, "REGISTRY", {})
        unknown = make_unknown(incident, actor=reviewer, owner=finance)

        @findings.check(
            "ZZ002",
            "Anything",
            level=Level.ERROR,
            requirements=("R-KU-03",),
            tab="Test",
            waivable=True,
        )
        def about(case):
            """Test check."""
            yield Problem("Something is missing", subject=unknown)

        item = finding(incident, "ZZ002")
        row = accept(incident, reviewer, item, expires_at=UNTIL, owner=reviewer)

        with pytest.raises(SeparationOfDuties):
            waivers.second_waiver(
                incident_id=incident.pk, actor=finance, number=row.number
            )

    @pytest.mark.parametrize("check_id", ["SC003", "SC012", "KU003"])
    def test_never_waives_what_is_registered_as_not_waivable(
        self, incident, reviewer, commander, check_id
    ):
        """R-SC-05, R-RV-08, R-KU-03"""
        make_scope(incident, actor=commander)
        make_unknown(incident, actor=commander)
        item = finding(incident, check_id)
        with pytest.raises(ValidationError) as caught:
            accept(incident, reviewer, item, expires_at=UNTIL, owner=reviewer)
        assert caught.value.error_dict["check_id"][0].code == "not_waivable"

    def test_a_row_written_past_the_service_waives_nothing(self, incident, reviewer):
        """A waiver of a check that is not waivable has no force."""
        incident = Incident.objects.get(pk=incident.pk)
        item = finding(incident, "SC012")
        Waiver.objects.create(
            incident=incident,
            number=1,
            check_id=item.id,
            finding_key=item.key,
            level="warning",
            reason="forged",
            recorded_by=reviewer,
        )
        assert any(f.id == "SC012" for f in selectors.blocking(incident, Gate.CLOSE))
