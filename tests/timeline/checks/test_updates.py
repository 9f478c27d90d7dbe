"""Checks of the last update of an active incident: one that fails, one that passes."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from incidents.models import Incident
from postmortem.lib.findings import Level
from tests.timeline.checks.conftest import finding, found
from tests.timeline.conftest import Tape

WARNING = Level.WARNING
WHOLE = (
    "Card payments in FR fail, all other methods work. A rollback is under way; since "
    "the last update DE has recovered. Next update 15:10 UTC."
)


def tell(tape: Tape, text: str, when: str = "14:40") -> None:
    tape.proven(when, text, kind="comms")


class TestNextNotNamed:
    def test_asks_for_the_clock_time_of_the_next_update(self, tape: Tape) -> None:
        """R-CO-02, R-CO-05"""
        tell(tape, "Since 13:52 card payments fail")
        (row,) = found(tape.incident, "CO002")
        assert row == finding(
            "CO002",
            WARNING,
            "The last update “Since 13:52 card payments fail” names no clock time for "
            "the next one",
            "TL-1",
            "Say what is affected, what works, what is being done and what changed; "
            "end with “Next update 15:10”.",
        )
        assert row.url == "/incidents/INC-1/timeline/add/?kind=comms"

    @pytest.mark.parametrize(
        "text",
        [
            WHOLE,
            "Payouts wait. We will tell more at 3 pm.",
            "Payouts wait, next update by 15.10",
            "Card payments fail; another update follows at 15:10",
        ],
    )
    def test_passes_when_it_stands_there(self, tape: Tape, text: str) -> None:
        tell(tape, text)
        assert found(tape.incident, "CO002") == []

    def test_looks_at_the_last_update_of_an_active_incident_only(
        self, tape: Tape
    ) -> None:
        tell(tape, "Card payments fail", "14:00")
        tell(tape, WHOLE)
        assert found(tape.incident, "CO002") == []
        tell(tape, "Card payments fail", "15:00")
        assert len(found(tape.incident, "CO002")) == 1
        Incident.objects.filter(pk=tape.incident.pk).update(status="stabilized")
        assert found(tape.incident, "CO002") == []

    def test_is_asked_where_an_update_is_written(
        self, tape: Tape, client: Client, commander: User
    ) -> None:
        """R-CO-02, R-CO-03, R-CO-05"""
        client.force_login(commander)
        page = client.get("/incidents/INC-1/timeline/add/?kind=comms")
        words = (
            "What is affected, what works, what is being done, what changed since the "
            "last update; of a partial recovery, which payments may be delayed or "
            "retried. End with the clock time of the next update."
        )
        assert words in page.content.decode()
        other = client.get("/incidents/INC-1/timeline/add/?kind=action")
        assert words not in other.content.decode()


class TestPromises:
    @pytest.mark.parametrize(
        ("text", "words", "why"),
        [
            (
                "Card payments will be restored by 15:30. Next update 15:10",
                "will be restored by",
                "it promises when the service is back; nobody knows that yet",
            ),
            (
                "We are working hard on it. Next update 15:10",
                "working hard",
                "it reassures and tells nothing that one could act on",
            ),
            (
                "Everything will be back shortly, more at 15:10",
                "will be back shortly",
                "it reassures and tells nothing that one could act on",
            ),
        ],
    )
    def test_quotes_a_promise_or_a_reassurance(
        self, tape: Tape, text: str, words: str, why: str
    ) -> None:
        """R-CO-04: no precise promise of restoration."""
        tell(tape, text)
        (row,) = found(tape.incident, "CO003")
        assert (row.level, row.subject_ref) == (WARNING, "TL-1")
        assert row.message == f"The last update says “{words}”: {why}"

    @pytest.mark.parametrize(
        "text",
        [
            WHOLE,
            "We expect the queue to be worked off in 30 to 60 minutes, next look 15:10",
            "Card payments were restored at 14:31",
            "DE has been restored by 14:31; next update 15:10",
            "The backlog is checked again at 15:10",
        ],
    )
    def test_passes_on_bands_checkpoints_and_facts(self, tape: Tape, text: str) -> None:
        tell(tape, text)
        assert found(tape.incident, "CO003") == []


class TestRestNotTold:
    def test_asks_which_payments_wait(self, tape: Tape) -> None:
        """R-CO-03"""
        tell(tape, "Checkout has partially recovered. Next update 15:10")
        assert found(tape.incident, "CO004") == [
            finding(
                "CO004",
                WARNING,
                "The last update says “partially recovered” and not which payments "
                "wait",
                "TL-1",
                "Say which payments process, and which may be delayed or retried.",
            )
        ]

    def test_passes_when_it_says_so(self, tape: Tape) -> None:
        tell(
            tape,
            "Checkout has partially recovered: cards process, wallets may be delayed",
        )
        assert found(tape.incident, "CO004") == []
