"""Write verbs of hypotheses: none is ever taken out of the record."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from tests.conftest import codes
from tests.timeline.conftest import Tape
from timeline import services
from timeline.models import Hypothesis, HypothesisEvidence


class TestHypotheses:
    def test_keeps_an_abandoned_one_with_what_changed_direction(
        self, tape: Tape
    ) -> None:
        """R-HY-01, R-HY-02"""
        row = tape.hypothesis()
        tape.settle(row, "abandoned", evidence_against=[tape.original])

        row.refresh_from_db()
        link = HypothesisEvidence.objects.get()
        assert (row.state, row.what_decided) == (
            "abandoned",
            "Auth rate was at baseline on every route",
        )
        assert (link.evidence, link.stance) == (tape.original, "against")

    def test_has_no_verb_that_withdraws_or_deletes_one(self) -> None:
        """R-HY-02"""
        verbs = [name for name in services.__all__ if "hypothesis" in name]
        assert verbs == [
            "add_hypothesis",
            "edit_hypothesis",
            "link_hypothesis_evidence",
            "settle_hypothesis",
        ]

    def test_asks_what_decided_it(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            tape.settle(tape.hypothesis(), "supported", what_decided=" ")
        assert codes(error.value) == {"what_decided": ["required"]}

    def test_refuses_an_artifact_on_both_sides(self, tape: Tape) -> None:
        both = [tape.original]
        with pytest.raises(ValidationError) as error:
            tape.settle(
                tape.hypothesis(),
                "supported",
                evidence_for=both,
                evidence_against=both,
            )
        assert codes(error.value) == {"evidence_against": ["invalid"]}

    def test_links_evidence_before_it_is_settled(self, tape: Tape) -> None:
        row = tape.hypothesis()
        services.link_hypothesis_evidence(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=row.number,
            evidence=[tape.original],
            stance="against",
        )
        assert Hypothesis.objects.get().state == "open"
        assert HypothesisEvidence.objects.get().stance == "against"

    def test_words_it_better_and_keeps_the_wording_before(self, tape: Tape) -> None:
        row = tape.hypothesis("Gateway down")
        services.edit_hypothesis(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=row.number,
            statement="The gateway refuses EU cards",
            version=1,
        )
        assert [x.statement for x in row.history.order_by("history_id")] == [
            "Gateway down",
            "The gateway refuses EU cards",
        ]
