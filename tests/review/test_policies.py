"""Who approves closing, for each severity: set by administrators, with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from accounts.models import User
from incidents.models import Incident, PolicyChange, SeverityPolicy
from incidents.services.findings import refresh_findings
from incidents.services.policies import change_policy
from postmortem.lib.errors import StaleVersion
from review.models import ClosurePolicy
from review.services.policies import change_closure_policy
from tests.conftest import NOW

LIST = "/policies/closing/"
EDIT = f"{LIST}SEV3/edit/"
WANTED: dict[str, Any] = {
    "approvals": 3,
    "managers": 1,
    "engineering_and_finance": True,
    "version": 1,
    "reason": "Asked for by the auditors.",
}


def change(actor: User, **wanted: Any) -> ClosurePolicy:
    """SEV3 asks for two approvals, one of a manager, as the product comes."""
    return change_closure_policy(actor=actor, severity="SEV3", **WANTED | wanted)


class TestChangeClosurePolicy:
    def test_stores_the_values_and_tells_who_changed_what_and_why(
        self, administrator: User
    ) -> None:
        change(administrator)

        row = ClosurePolicy.objects.get(pk="SEV3")
        assert (row.approvals, row.managers, row.engineering_and_finance) == (
            3,
            1,
            True,
        )
        told = PolicyChange.objects.get()
        assert (told.policy_id, told.by, told.at) == ("SEV3", administrator, NOW)
        assert told.sentence == (
            "changed SEV3: closing takes 3 approvals, was 2; one from engineering and "
            "one from finance: yes, was no"
        )
        assert told.reason == "Asked for by the auditors."

    @pytest.mark.parametrize(
        ("wanted", "field"),
        [
            ({"approvals": 1}, "approvals"),
            ({"approvals": 10}, "approvals"),
            ({"managers": 4}, "managers"),
            ({"reason": " "}, "reason"),
        ],
    )
    def test_refuses_what_nobody_could_close_by_and_no_reason(
        self, administrator: User, wanted: dict[str, Any], field: str
    ) -> None:
        """R-AP-02: never fewer than two people."""
        with pytest.raises(ValidationError) as refused:
            change(administrator, **wanted)

        assert list(refused.value.error_dict) == [field]
        assert ClosurePolicy.objects.get(pk="SEV3").approvals == 2
        assert not PolicyChange.objects.exists()

    def test_refuses_what_was_changed_meanwhile(self, administrator: User) -> None:
        """Also by the thresholds: a severity has one version."""
        change_policy(
            actor=administrator,
            severity="SEV3",
            version=1,
            gap_minutes=20,
            cadence_minutes=30,
            sustain_minutes=30,
            reason="Agreed in the review.",
        )
        with pytest.raises(StaleVersion) as refused:
            change(administrator)

        assert refused.value.current == {
            "approvals": 2,
            "managers": 1,
            "engineering_and_finance": False,
        }
        change(administrator, version=2)
        assert SeverityPolicy.objects.get(pk="SEV3").version == 3

    def test_is_an_administrators_word(self, commander: User) -> None:
        with pytest.raises(PermissionDenied, match="It takes one of: administrator"):
            change(commander)

    def test_has_the_open_incidents_of_the_severity_checked_again(
        self, administrator: User, incident: Incident
    ) -> None:
        Incident.objects.update(severity="SEV3")
        refresh_findings(incident.pk)
        change(administrator)
        incident.snapshot.refresh_from_db()
        assert incident.snapshot.next_due == NOW


class TestPages:
    def test_are_read_by_everybody_and_changed_by_administrators(
        self, client: Client, viewer: User, administrator: User
    ) -> None:
        client.force_login(viewer)
        text = client.get(LIST).text
        assert "one from engineering, one from finance" in text
        assert EDIT not in text
        assert client.get(EDIT).status_code == 403

        client.force_login(administrator)
        assert f'href="{EDIT}" data-drawer' in client.get(LIST).text
        assert f'href="{LIST}"' in client.get("/policies/").text
        form = client.get(EDIT).text
        assert 'name="approvals" value="2"' in form
        assert 'name="version" value="1"' in form
        assert client.post(EDIT, WANTED).url == LIST
        assert ClosurePolicy.objects.get(pk="SEV3").approvals == 3
        assert "Asked for by the auditors." in client.get("/policies/").text
        assert client.get(f"{LIST}SEV9/edit/").status_code == 404

    def test_show_both_values_when_somebody_was_quicker(
        self, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        client.post(EDIT, WANTED)

        stale = client.post(EDIT, WANTED | {"approvals": 4})

        assert stale.status_code == 409
        [row] = stale.context["conflict"].rows
        assert (row.name, row.yours, row.stored) == ("approvals", "4", "3")
        assert ClosurePolicy.objects.get(pk="SEV3").approvals == 3
