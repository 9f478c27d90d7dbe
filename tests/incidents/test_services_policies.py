"""The thresholds of a severity: who may set them, on what was read, with a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import User
from incidents.models import FindingSnapshot, Incident, PolicyChange, SeverityPolicy
from incidents.services.findings import refresh_findings, sweep_findings
from incidents.services.policies import change_policy
from postmortem.lib.errors import StaleVersion
from tests.conftest import NOW
from tests.factories import make_incident


def change(actor: User, **wanted: Any) -> SeverityPolicy:
    """SEV2 asks for 15, 25 and 30 minutes, as the product comes."""
    return change_policy(
        actor=actor,
        **{
            "severity": "SEV2",
            "version": 1,
            "gap_minutes": 15,
            "cadence_minutes": 25,
            "sustain_minutes": 30,
            "reason": "Agreed in the review.",
            **wanted,
        },
    )


class TestChangePolicy:
    def test_stores_the_values_and_tells_who_changed_what_and_why(
        self, administrator: User
    ) -> None:
        """R-TL-08"""
        row = change(administrator, gap_minutes=20, cadence_minutes=0)

        row.refresh_from_db()
        assert (row.gap_minutes, row.cadence_minutes, row.sustain_minutes) == (
            20,
            0,
            30,
        )
        assert row.version == 2
        told = PolicyChange.objects.get()
        assert (told.policy, told.by, told.at) == (row, administrator, NOW)
        assert told.sentence == (
            "changed SEV2: a gap after 20 min, was 15; updates every 0 min, was 25"
        )
        assert told.reason == "Agreed in the review."

    def test_tells_nothing_where_nothing_changes(self, administrator: User) -> None:
        assert change(administrator, reason="").version == 1
        assert not PolicyChange.objects.exists()

    def test_refuses_what_was_changed_meanwhile(self, administrator: User) -> None:
        change(administrator, gap_minutes=20)

        with pytest.raises(StaleVersion) as refused:
            change(administrator, gap_minutes=40)

        assert refused.value.current == {
            "gap_minutes": 20,
            "cadence_minutes": 25,
            "sustain_minutes": 30,
        }
        assert SeverityPolicy.objects.get(pk="SEV2").gap_minutes == 20

    @pytest.mark.parametrize(
        ("wanted", "field"),
        [
            ({"gap_minutes": 0}, "gap_minutes"),
            ({"gap_minutes": 10_081}, "gap_minutes"),
            ({"cadence_minutes": -1}, "cadence_minutes"),
            ({"sustain_minutes": 10_081}, "sustain_minutes"),
            ({"gap_minutes": 20, "reason": "  "}, "reason"),
        ],
    )
    def test_refuses_a_value_out_of_range_and_no_reason(
        self, administrator: User, wanted: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(ValidationError) as refused:
            change(administrator, **wanted)

        assert list(refused.value.error_dict) == [field]
        assert SeverityPolicy.objects.get(pk="SEV2").version == 1
        assert not PolicyChange.objects.exists()

    def test_is_an_administrators_word(self, commander: User) -> None:
        with pytest.raises(PermissionDenied, match="It takes one of: administrator"):
            change(commander, gap_minutes=20)

    def test_has_the_open_incidents_of_the_severity_checked_again(
        self, administrator: User, commander: User
    ) -> None:
        """R-TL-08"""
        mine, other, closed = (
            make_incident(actor=commander, severity=severity)
            for severity in ("SEV2", "SEV1", "SEV2")
        )
        for incident in (mine, other, closed):
            refresh_findings(incident.pk)
        Incident.objects.filter(pk=closed.pk).update(status="closed")
        FindingSnapshot.objects.update(next_due=NOW + timedelta(days=1))

        change(administrator, gap_minutes=20)

        due = FindingSnapshot.objects.filter(next_due__lte=NOW)
        assert [row.incident for row in due] == [mine]
        assert sweep_findings() == 1
