"""Declaring, editing and the transitions before closing."""

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents import activity
from incidents.models import ActivityEntry, Incident, Notification
from incidents.services import claims, lifecycle
from incidents.services.core import lock_incident
from postmortem.lib import findings
from postmortem.lib.errors import GateClosed, InvalidTransition, StaleVersion
from postmortem.lib.findings import Gate, Level, Problem
from postmortem.lib.persistence import service
from tests.conftest import NOW, codes
from tests.factories import make_evidence, make_incident, make_scope


@pytest.fixture
def no_gates(monkeypatch):
    """The checks of the apps above are tested there; here the gates stand open."""
    monkeypatch.setattr(findings, "REGISTRY", {})


@pytest.fixture
def stabilized(no_gates, incident, commander):
    return lifecycle.stabilize_incident(incident_id=incident.pk, actor=commander)


def last(incident):
    return ActivityEntry.objects.filter(incident=incident).latest("sequence")


class TestDeclareIncident:
    def test_presumes_it_real_and_names_commander_and_scribe(
        self, commander, responder
    ):
        """R-RO-05"""
        made = make_incident(actor=commander, scribe=responder)

        assert made.key == "INC-1"
        assert made.status == Incident.Status.ACTIVE
        assert made.declared_at == NOW
        assert [(p.duty, p.user) for p in made.participations.all()] == [
            ("commander", commander),
            ("scribe", responder),
        ]

    def test_brings_family_and_core_flow_of_known_lanes(self, commander):
        """R-SC-15"""
        made = make_incident(
            actor=commander, lanes=["payouts", "Instant transfers", "payouts"]
        )

        assert [(x.slug, x.family, x.is_core_flow) for x in made.lanes.all()] == [
            ("payouts", "disbursements", True),
            ("instant-transfers", "other", False),
        ]

    def test_refuses_more_than_fifty_lanes(self, commander):
        with pytest.raises(ValidationError) as refused:
            make_incident(actor=commander, lanes=[f"Flow {n}" for n in range(51)])

        assert refused.value.error_dict["lanes"][0].code == "too_many"
        assert not Incident.objects.exists()

    def test_stores_many_lanes_in_one_write(self, commander):
        lanes = ["payouts", "checkout", "Gift cards", "gift cards", "Vouchers"]
        with CaptureQueriesContext(connection) as queries:
            made = make_incident(actor=commander, lanes=lanes)

        numbers = made.lanes.values_list("number", "slug")
        assert list(numbers) == [
            (1, "payouts"),
            (2, "checkout"),
            (3, "gift-cards"),
            (4, "vouchers"),
        ]
        writes = [q for q in queries if 'INSERT INTO "incidents_lane"' in q["sql"]]
        assert len(writes) == 1
        assert activity.verify(made) == []

    def test_refuses_a_time_in_the_future(self, commander):
        with pytest.raises(ValidationError) as caught:
            make_incident(actor=commander, declared_at=NOW + dt.timedelta(hours=1))

        assert codes(caught.value) == {"declared_at": ["future_time"]}
        assert not Incident.objects.exists()

    def test_refuses_an_unknown_zone_and_severity_together(self, commander):
        """R-TL-02, R-SC-07"""
        with pytest.raises(ValidationError) as caught:
            make_incident(actor=commander, clock_zone="Mars/Base", severity="SEV9")

        errors = caught.value.error_dict
        assert errors["clock_zone"][0].code == "unknown_zone"
        assert errors["severity"][0].code == "invalid_choice"

    @pytest.mark.parametrize("who", ["viewer", "outsider"])
    def test_takes_the_role(self, who, request):
        with pytest.raises(PermissionDenied):
            make_incident(actor=request.getfixturevalue(who))


class TestEditIncident:
    def test_logs_old_and_new(self, incident, responder):
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=responder, title="Webhooks stalled"
        )

        assert last(incident).data == {
            "title": ["Webhook ingestion stalled", "Webhooks stalled"]
        }

    def test_calls_the_fields_as_people_do(self, incident, responder):
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=responder, is_drill=True, kind="payout"
        )

        assert last(incident).sentence == "edited the case file: kind, drill"

    def test_writes_nothing_when_nothing_changed(self, incident, responder):
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=responder, title=incident.title
        )

        incident.refresh_from_db()
        assert (incident.version, incident.activity_count) == (1, 1)

    def test_keeps_both_texts_when_somebody_saved_first(self, incident, responder):
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=responder, title="First", version=1
        )

        with pytest.raises(StaleVersion) as caught:
            lifecycle.edit_incident(
                incident_id=incident.pk, actor=responder, title="Second", version=1
            )

        assert caught.value.current == {"title": "First"}
        incident.refresh_from_db()
        assert incident.title == "First"

    def test_lets_only_leads_decide_who_may_see_it(
        self, incident, responder, commander
    ):
        with pytest.raises(PermissionDenied):
            lifecycle.edit_incident(
                incident_id=incident.pk, actor=responder, is_restricted=True
            )
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=commander, is_restricted=True
        )

        for paged in (False, True):
            seen = Incident.objects.visible_to
            assert not seen(responder, paged=paged).exists()
            assert seen(commander, paged=paged).get() == incident


class TestChangeSeverity:
    def test_logs_the_change_with_its_reason(self, incident, commander):
        """R-SC-07"""
        lifecycle.change_severity(
            incident_id=incident.pk,
            actor=commander,
            severity="SEV1",
            reason="payouts stopped",
        )

        entry = last(incident)
        assert entry.sentence == "changed the severity from SEV2 to SEV1"
        assert entry.reason == "payouts stopped"

    def test_needs_a_reason(self, incident, commander):
        with pytest.raises(ValidationError) as caught:
            lifecycle.change_severity(
                incident_id=incident.pk, actor=commander, severity="SEV1", reason=" "
            )

        assert caught.value.error_dict["reason"][0].code == "required"

    def test_repeated_is_harmless(self, incident, commander):
        lifecycle.change_severity(
            incident_id=incident.pk, actor=commander, severity="SEV2", reason="same"
        )

        assert ActivityEntry.objects.filter(incident=incident).count() == 1


class TestChangeClockZone:
    def test_moves_no_stored_time(self, incident, commander):
        """R-TL-02"""
        changed = lifecycle.change_clock_zone(
            incident_id=incident.pk, actor=commander, clock_zone="Europe/Berlin"
        )

        assert changed.clock_zone == "Europe/Berlin"
        assert changed.declared_at == NOW

    def test_is_refused_to_a_responder(self, incident, responder):
        with pytest.raises(PermissionDenied):
            lifecycle.change_clock_zone(
                incident_id=incident.pk, actor=responder, clock_zone="Europe/Berlin"
            )

    def test_ends_with_stabilizing(self, stabilized, commander):
        with pytest.raises(InvalidTransition):
            lifecycle.change_clock_zone(
                incident_id=stabilized.pk, actor=commander, clock_zone="Europe/Berlin"
            )

    def test_refuses_an_unknown_zone(self, incident, commander):
        with pytest.raises(ValidationError) as caught:
            lifecycle.change_clock_zone(
                incident_id=incident.pk, actor=commander, clock_zone="CEST"
            )

        assert caught.value.error_dict["clock_zone"][0].code == "unknown_zone"


class TestStabilizeIncident:
    def test_is_held_back_by_an_open_error_of_its_gate(
        self, no_gates, incident, commander
    ):
        @findings.check(
            "ZZ001",
            "Ledger recovered",
            level=Level.ERROR,
            requirements=("R-RV-02",),
            tab="Timeline",
            gates=(Gate.STABILIZE,),
        )
        def ledger(case):
            """Test gate."""
            yield Problem("The ledger has not recovered")

        with pytest.raises(GateClosed) as caught:
            lifecycle.stabilize_incident(incident_id=incident.pk, actor=commander)

        assert [f.message for f in caught.value.findings] == [
            "The ledger has not recovered"
        ]
        incident.refresh_from_db()
        assert incident.status == Incident.Status.ACTIVE

    def test_asks_for_both_recoveries(self, incident, commander):
        """R-RV-02"""
        with pytest.raises(GateClosed) as caught:
            lifecycle.stabilize_incident(incident_id=incident.pk, actor=commander)

        messages = {f.message for f in caught.value.findings}
        assert {
            "Customer recovery is not recorded",
            "Ledger recovery is not recorded",
        } <= messages

    def test_stamps_the_time(self, stabilized):
        assert stabilized.status == Incident.Status.STABILIZED
        assert stabilized.stabilized_at == NOW
        assert activity.verify(stabilized) == []

    def test_twice_is_an_invalid_transition(self, stabilized, commander):
        with pytest.raises(InvalidTransition):
            lifecycle.stabilize_incident(incident_id=stabilized.pk, actor=commander)

    def test_takes_the_commander(self, no_gates, incident, responder):
        with pytest.raises(PermissionDenied):
            lifecycle.stabilize_incident(incident_id=incident.pk, actor=responder)


class TestAllClear:
    def test_waits_for_stabilized(self, no_gates, incident, commander):
        """R-RV-08"""
        with pytest.raises(InvalidTransition):
            lifecycle.give_all_clear(incident_id=incident.pk, actor=commander)

    def test_is_held_back_by_open_scope_and_the_sustain_window(
        self, monkeypatch, incident, commander
    ):
        """R-RV-07, R-RV-08, R-SC-05"""
        make_scope(incident, actor=commander)
        with monkeypatch.context() as patch:
            patch.setattr(findings, "REGISTRY", {})
            lifecycle.stabilize_incident(incident_id=incident.pk, actor=commander)

        with pytest.raises(GateClosed) as caught:
            lifecycle.give_all_clear(incident_id=incident.pk, actor=commander)

        ids = {f.id for f in caught.value.findings}
        assert {"SC001", "SC003", "SC013"} <= ids

    def test_is_a_fact_of_its_own(self, stabilized, commander):
        clear = lifecycle.give_all_clear(incident_id=stabilized.pk, actor=commander)

        assert clear.status == Incident.Status.STABILIZED
        assert (clear.all_clear_at, clear.all_clear_by) == (NOW, commander)
        with pytest.raises(InvalidTransition):
            lifecycle.give_all_clear(incident_id=stabilized.pk, actor=commander)

    def test_is_withdrawn_by_a_reopened_scope_line(
        self, stabilized, commander, responder
    ):
        """R-SC-08"""
        row = make_scope(stabilized, actor=commander)
        signal = make_evidence(stabilized, actor=commander)
        claims.close_scope(
            incident_id=stabilized.pk,
            actor=commander,
            number=row.number,
            closing_evidence=signal,
        )
        lifecycle.give_all_clear(incident_id=stabilized.pk, actor=commander)

        claims.reopen_scope(
            incident_id=stabilized.pk,
            actor=responder,
            number=row.number,
            reason="new complaints",
        )

        stabilized.refresh_from_db()
        assert stabilized.all_clear_at is None
        assert last(stabilized).sentence == "reopened SC-1 and withdrew the all-clear"


class TestRelapse:
    def test_returns_to_active_and_withdraws_the_all_clear(self, stabilized, commander):
        lifecycle.give_all_clear(incident_id=stabilized.pk, actor=commander)

        back = lifecycle.relapse_incident(
            incident_id=stabilized.pk, actor=commander, reason="stalled again"
        )

        assert back.status == Incident.Status.ACTIVE
        assert (back.stabilized_at, back.all_clear_at) == (None, None)

    def test_of_an_active_incident_is_an_invalid_transition(self, incident, commander):
        with pytest.raises(InvalidTransition):
            lifecycle.relapse_incident(
                incident_id=incident.pk, actor=commander, reason="x"
            )


class TestCancel:
    def test_keeps_the_reason_and_freezes(self, incident, commander):
        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="duplicate of INC-9"
        )

        with pytest.raises(InvalidTransition) as caught:
            lifecycle.edit_incident(
                incident_id=incident.pk, actor=commander, title="Other"
            )
        assert caught.value.code == "frozen"
        assert last(incident).reason == "duplicate of INC-9"


class TestMovesForReview:
    def test_carry_the_incident_from_stabilized_to_reopened(
        self, stabilized, commander
    ):
        @service
        def walk(*, incident_id, actor):
            incident = lock_incident(
                incident_id, actor=actor, permission="incident.view"
            )
            seen = []
            lifecycle.move_to_review(incident, actor=actor)
            seen.append(incident.status)
            lifecycle.move_to_stabilized(incident, actor=actor, reason="risk open")
            seen.append(incident.status)
            lifecycle.move_to_review(incident, actor=actor)
            lifecycle.move_to_closed(incident, actor=actor)
            seen.append(incident.status)
            lifecycle.move_to_reopened(incident, actor=actor, reason="new facts")
            seen.append(incident.status)
            activity.record(
                incident, actor=actor, verb="test.walked", sentence="walked"
            )
            return seen, incident

        seen, incident = walk(incident_id=stabilized.pk, actor=commander)

        assert seen == ["in_review", "stabilized", "closed", "in_review"]
        assert (incident.closed_at, incident.reopen_reason) == (None, "new facts")
        assert activity.verify(incident) == []

    def test_refuse_the_wrong_status(self, incident, commander):
        for move in (
            lambda: lifecycle.move_to_review(incident, actor=commander),
            lambda: lifecycle.move_to_closed(incident, actor=commander),
            lambda: lifecycle.move_to_reopened(incident, actor=commander, reason="x"),
            lambda: lifecycle.move_to_stabilized(incident, actor=commander, reason="x"),
        ):
            with pytest.raises(InvalidTransition):
                move()


class TestDeclareNames:
    """Who is named when an incident is declared, as everywhere else."""

    def declare(self, actor: User, **fields: Any) -> Incident:
        return lifecycle.declare_incident(
            actor=actor, title="Rate falls", severity="SEV3", **fields
        )

    def test_refuses_a_commander_without_the_role(self, responder, viewer):
        with pytest.raises(ValidationError) as caught:
            self.declare(responder, commander=viewer)

        assert caught.value.error_dict["commander"][0].code == "no_command_role"

    def test_refuses_somebody_who_cannot_sign_in(self, commander, responder):
        User.objects.filter(pk=responder.pk).update(is_active=False)
        responder.refresh_from_db()

        with pytest.raises(ValidationError) as caught:
            self.declare(commander, scribe=responder)

        assert caught.value.error_dict["scribe"][0].code == "inactive_person"

    def test_tells_those_who_are_named_by_somebody_else(self, commander, responder):
        """R-RO-01"""
        found = self.declare(responder, commander=commander)

        (mail,) = Notification.objects.filter(kind="duty")
        assert mail.recipient == commander
        assert found.key in mail.subject

    def test_takes_a_lane_once_however_it_is_spelled(self, commander):
        found = self.declare(commander, lanes=["Payouts", "payouts", "Webhooks"])

        assert sorted(found.lanes.values_list("slug", flat=True)) == [
            "payouts",
            "webhooks",
        ]
