"""Whoever a restricted incident names can open it."""

import pytest
from django.core.exceptions import ValidationError

from actions.models import ActionItem
from actions.services import items
from incidents.models import CaseRecord, Incident, Participation
from incidents.services import lifecycle, people, unknowns
from incidents.services.cases import check_case, import_case
from incidents.services.sight import named_fields
from postmortem.lib.record import MalformedCase
from review.models import Participant, Review
from tests.factories import make_incident, make_unknown
from tests.incidents.conftest import code_of


@pytest.fixture
def quiet(commander):
    return make_incident(actor=commander, is_restricted=True)


def case(owner, **incident):
    return check_case(
        {
            "format": "postmortem-case",
            "record": {
                "schema": 1,
                "incident": {"title": "Fraud", "severity": "SEV1", **incident},
                "lanes": [
                    {"slug": "payouts", "name": "Payouts"},
                    {"slug": "checkout", "name": "Checkout", "owner": owner.handle},
                ],
            },
        }
    )


class TestNamedFields:
    def test_are_those_that_somebody_chooses(self):
        assert named_fields(ActionItem) == ("owner",)
        assert named_fields(Participant) == ("user",)
        assert named_fields(Review) == (
            "owner",
            "meeting_owner",
            "documentation_owner",
            "follow_up_owner",
        )

    def test_leave_out_what_gives_sight_itself(self):
        assert named_fields(Participation) == ()
        assert not issubclass(Incident, CaseRecord)


class TestRequireSight:
    def test_refuses_an_owner_who_could_not_open_it(self, quiet, commander, responder):
        with pytest.raises(ValidationError) as caught:
            make_unknown(quiet, actor=commander, owner=responder)

        assert caught.value.message_dict == {
            "owner": [
                f"{responder.label} cannot see INC-1, which is restricted. Give them a "
                "duty in it first, or name somebody else."
            ]
        }
        assert not quiet.knownunknowns.exists()

    def test_refuses_another_owner_in_an_edit(self, quiet, commander, responder):
        row = make_unknown(quiet, actor=commander)
        with pytest.raises(ValidationError) as caught:
            unknowns.edit_unknown(
                incident_id=quiet.pk,
                actor=commander,
                number=row.number,
                owner=responder,
            )
        assert code_of(caught, "owner") == "cannot_see"

    def test_takes_them_once_they_have_a_duty(self, quiet, commander, responder):
        people.set_duty(
            incident_id=quiet.pk, actor=commander, user=responder, duty="responder"
        )
        assert make_unknown(quiet, actor=commander, owner=responder).owner == responder

    def test_takes_those_who_see_every_incident(self, quiet, commander, administrator):
        assert make_unknown(quiet, actor=commander, owner=administrator).pk

    def test_leaves_whoever_was_named_before(self, incident, commander, responder):
        row = make_unknown(incident, actor=commander, owner=responder)
        lifecycle.edit_incident(
            incident_id=incident.pk,
            actor=commander,
            is_restricted=True,
            restrict_anyway=True,
        )
        edited = unknowns.edit_unknown(
            incident_id=incident.pk,
            actor=commander,
            number=row.number,
            missing_check="another export",
        )
        assert edited.owner == responder

    def test_is_told_on_the_page_beside_the_field(
        self, client, quiet, commander, responder
    ):
        client.force_login(commander)
        page = client.post(
            "/incidents/INC-1/unknowns/add/",
            {"question": "Which names?", "owner": responder.pk},
        )
        assert page.status_code == 422
        assert "cannot see INC-1" in page.context["form"].errors["owner"][0]

    def test_is_told_by_the_api_as_a_fault_of_the_field(
        self, client, quiet, commander, responder
    ):
        client.force_login(commander)
        page = client.post(
            "/api/v1/incidents/INC-1/actions/",
            {"title": "Cap retries at 3", "kind": "restore", "owner": responder.handle},
            content_type="application/json",
        )
        assert page.status_code == 422
        assert "cannot see INC-1" in str(page.json())
        assert not ActionItem.objects.exists()

    def test_refuses_it_in_an_import_at_its_place(self, commander, responder):
        with pytest.raises(MalformedCase) as caught:
            import_case(actor=commander, case=case(responder, is_restricted=True))

        assert [(f.path, f.reason) for f in caught.value.faults] == [
            (
                "$.record.lanes[1].owner",
                f"{responder.label} cannot see INC-1, which is restricted. Give them a "
                "duty in it first, or name somebody else.",
            )
        ]
        assert not Incident.objects.exists()

    def test_imports_whom_an_open_case_names(self, commander, responder):
        assert import_case(actor=commander, case=case(responder)).pk


class TestRequireNoLoss:
    @pytest.fixture
    def named(self, incident, commander, responder):
        make_unknown(incident, actor=commander, owner=responder)
        items.add_action(
            incident_id=incident.pk,
            actor=commander,
            title="Cap retries at 3",
            kind="restore",
            owner=responder,
        )
        return incident

    def test_says_who_would_lose_sight_and_of_what(self, named, commander, responder):
        with pytest.raises(ValidationError) as caught:
            lifecycle.edit_incident(
                incident_id=named.pk, actor=commander, is_restricted=True
            )

        assert caught.value.message_dict == {
            "is_restricted": [
                "Rows of INC-1 name people who would not see it any more: "
                f"{responder.label} (KU-1 and ACT-1). Give them a duty in it first, or "
                "choose to restrict it all the same."
            ]
        }
        named.refresh_from_db()
        assert not named.is_restricted

    def test_lets_it_be_done_all_the_same(self, client, named, commander, responder):
        client.force_login(commander)
        address = "/incidents/INC-1/edit/"
        shown = client.get(address).context["form"].initial
        sent = {"title": shown["title"], "kind": shown["kind"], "version": 1}
        refused = client.post(address, sent | {"is_restricted": "on"})
        assert refused.status_code == 422
        done = client.post(
            address, sent | {"is_restricted": "on", "restrict_anyway": "on"}
        )
        assert done.status_code == 302
        named.refresh_from_db()
        assert not named.is_visible_to(responder)

    def test_does_not_ask_where_nobody_loses_sight(self, incident, commander):
        make_unknown(incident, actor=commander)
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=commander, is_restricted=True
        )
        incident.refresh_from_db()
        assert incident.is_restricted
