"""Write verbs of dependency checkpoints."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tests.conftest import NOW, codes
from tests.timeline.conftest import Tape, at
from timeline import services


class TestCheckpoints:
    def test_keeps_first_signal_order_and_state(self, tape: Tape) -> None:
        """R-DP-06"""
        row = tape.checkpoint(
            first_signal_at=at("13:41"),
            order="before",
            state="stabilized",
            stabilized_at=at("17:50"),
            verified="Failures began before our deploy",
            evidence=[tape.original],
        )
        row.refresh_from_db()
        assert (row.first_signal_at, row.order, row.stabilized_at) == (
            at("13:41"),
            "before",
            at("17:50"),
        )
        assert row.evidence == [tape.original]

    def test_refuses_stabilized_before_its_first_signal(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            tape.checkpoint(
                first_signal_at=at("14:00"),
                state="stabilized",
                stabilized_at=at("13:00"),
            )
        assert codes(error.value) == {"stabilized_at": ["invalid"]}

    def test_refuses_a_time_of_stabilization_while_degraded(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            tape.checkpoint(state="degraded", stabilized_at=at("14:00"))
        assert codes(error.value) == {"state": ["invalid"]}

    def test_refuses_the_future(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            tape.checkpoint(first_signal_at=NOW + dt.timedelta(hours=1))
        assert codes(error.value) == {"first_signal_at": ["future_time"]}

    def test_replaces_the_evidence_that_is_sent_and_only_then(self, tape: Tape) -> None:
        row = tape.checkpoint(evidence=[tape.original])
        who: dict[str, Any] = {
            "incident_id": tape.incident.pk,
            "actor": tape.actor,
            "number": 1,
        }

        services.edit_checkpoint(**who, verified="Asked the provider")
        row.refresh_from_db()
        assert row.evidence == [tape.original]

        services.edit_checkpoint(**who, evidence=[tape.later])
        assert type(row).objects.get().evidence == [tape.later]

    def test_is_withdrawn_with_a_reason(self, tape: Tape) -> None:
        tape.checkpoint()
        row = services.retract_checkpoint(
            incident_id=tape.incident.pk, actor=tape.actor, number=1, reason="Twice"
        )
        assert row.is_retracted
