"""Duties, hand-overs, lanes."""

import datetime as dt

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import Role
from incidents import activity, selectors
from incidents.models import ActivityEntry, Notification, Participation
from incidents.services import lanes, people
from incidents.services.core import retract_record
from tests.conftest import NOW, codes, person


@pytest.fixture
def second(db):
    return person("ic2", "Iris Moe", "IC, second shift", Role.COMMANDER)


class TestSetDuty:
    def test_names_a_scribe_and_tells_them(self, incident, commander, responder):
        """R-RO-05"""
        people.set_duty(
            incident_id=incident.pk, actor=commander, user=responder, duty="scribe"
        )

        entry = ActivityEntry.objects.filter(incident=incident).latest("sequence")
        assert entry.sentence == "named Payments engineering lead as scribe"
        assert [n.subject for n in Notification.objects.all()] == [
            "INC-1: you are scribe"
        ]

    def test_repeated_is_harmless(self, incident, commander, responder):
        for _ in range(2):
            people.set_duty(
                incident_id=incident.pk, actor=commander, user=responder, duty="scribe"
            )

        assert incident.participations.filter(duty="scribe").count() == 1
        assert Notification.objects.count() == 1

    def test_refuses_a_second_commander(self, incident, commander, second):
        """R-RO-01"""
        with pytest.raises(ValidationError) as caught:
            people.set_duty(
                incident_id=incident.pk,
                actor=commander,
                user=second,
                duty="commander",
            )

        assert caught.value.error_dict["duty"][0].code == "one_commander"

    def test_takes_a_backup_commander(self, incident, commander, second):
        """R-RO-03"""
        row = people.set_duty(
            incident_id=incident.pk,
            actor=commander,
            user=second,
            duty="commander",
            is_backup=True,
        )

        assert row.is_backup
        assert selectors.commander(incident).user == commander

    def test_refuses_somebody_who_cannot_sign_in(self, incident, commander, responder):
        responder.is_active = False
        responder.save()

        with pytest.raises(ValidationError) as caught:
            people.set_duty(
                incident_id=incident.pk, actor=commander, user=responder, duty="scribe"
            )

        assert caught.value.error_dict["user"][0].code == "inactive_person"


class TestHandOverCommand:
    def test_ends_one_and_begins_the_other_at_one_time(
        self, incident, commander, second, clock
    ):
        """R-RO-01"""
        clock.shift(dt.timedelta(hours=1))
        at = NOW + dt.timedelta(minutes=40)

        people.hand_over_command(
            incident_id=incident.pk, actor=commander, to=second, at=at
        )

        rows = list(incident.participations.order_by("number"))
        assert [(r.user, r.since, r.until) for r in rows] == [
            (commander, NOW, at),
            (second, at, None),
        ]
        assert selectors.commander(incident).user == second
        entry = ActivityEntry.objects.filter(incident=incident).latest("sequence")
        assert entry.sentence == "handed command from IC on call to IC, second shift"
        assert activity.verify(type(incident).objects.get(pk=incident.pk)) == []

    def test_to_the_one_in_command_does_nothing(self, incident, commander):
        people.hand_over_command(incident_id=incident.pk, actor=commander, to=commander)

        assert incident.participations.count() == 1

    def test_refuses_a_time_before_the_present_commander(
        self, incident, commander, second
    ):
        with pytest.raises(ValidationError) as caught:
            people.hand_over_command(
                incident_id=incident.pk,
                actor=commander,
                to=second,
                at=NOW - dt.timedelta(minutes=1),
            )

        assert caught.value.error_dict["at"][0].code == "before_since"

    def test_refuses_the_future(self, incident, commander, second):
        with pytest.raises(ValidationError) as caught:
            people.hand_over_command(
                incident_id=incident.pk,
                actor=commander,
                to=second,
                at=NOW + dt.timedelta(hours=1),
            )

        assert codes(caught.value) == {"at": ["future_time"]}

    def test_refuses_somebody_without_the_role(self, incident, commander, responder):
        with pytest.raises(ValidationError) as caught:
            people.hand_over_command(
                incident_id=incident.pk, actor=commander, to=responder
            )

        assert caught.value.error_dict["to"][0].code == "no_command_role"


class TestEndDuty:
    def test_keeps_the_row_with_its_end(self, incident, commander, responder):
        row = people.set_duty(
            incident_id=incident.pk, actor=commander, user=responder, duty="scribe"
        )

        for _ in range(2):
            ended = people.end_duty(
                incident_id=incident.pk, actor=commander, number=row.number
            )

        assert ended.until == NOW

    def test_refuses_to_leave_nobody_in_command(self, incident, commander):
        """R-RO-01"""
        with pytest.raises(ValidationError) as caught:
            people.end_duty(incident_id=incident.pk, actor=commander, number=1)

        assert caught.value.code == "one_commander"

    def test_takes_the_role(self, incident, viewer):
        with pytest.raises(PermissionDenied):
            people.end_duty(incident_id=incident.pk, actor=viewer, number=1)


class TestLanes:
    def test_adds_a_known_lane_with_its_family(self, incident, responder):
        """R-SC-15"""
        lane = lanes.add_lane(incident_id=incident.pk, actor=responder, name="webhooks")

        assert (lane.name, lane.family, lane.is_core_flow) == (
            "Webhooks",
            "event_ingestion",
            True,
        )

    def test_each_lane_has_its_own_status(self, incident, responder):
        """R-SC-15"""
        lanes.edit_lane(
            incident_id=incident.pk, actor=responder, number=1, status="down"
        )

        assert [x.status for x in incident.lanes.all()] == ["down", "unknown"]

    def test_refuses_the_same_lane_twice(self, incident, responder):
        with pytest.raises(ValidationError):
            lanes.add_lane(incident_id=incident.pk, actor=responder, name="checkout")

    def test_refuses_a_name_without_letters(self, incident, responder):
        with pytest.raises(ValidationError) as caught:
            lanes.add_lane(incident_id=incident.pk, actor=responder, name="!!!")

        assert caught.value.error_dict["name"][0].code == "invalid"


class TestRetractRecord:
    def test_keeps_the_row_with_the_reason(self, incident, commander):
        row = retract_record(
            incident_id=incident.pk,
            actor=commander,
            model=Participation,
            number=1,
            reason="wrong person",
            permission="incident.people",
        )

        assert (row.retracted_at, row.retraction_reason) == (NOW, "wrong person")
        assert Participation.objects.filter(pk=row.pk).exists()

    def test_needs_a_reason(self, incident, commander):
        with pytest.raises(ValidationError):
            retract_record(
                incident_id=incident.pk,
                actor=commander,
                model=Participation,
                number=1,
                reason="",
                permission="incident.people",
            )
