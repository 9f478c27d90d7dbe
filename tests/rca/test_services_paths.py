"""The path between causes, and their entries."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from incidents.activity import verify
from incidents.models import ActivityEntry
from postmortem.lib.errors import StaleVersion
from rca import services
from rca.models import CausePath
from tests.conftest import NOW, codes
from timeline.models import Entry
from timeline.services.entries import add_entry


class TestLeadsTo:
    def link(self, commander, cause, *targets):
        return services.edit_cause(
            incident_id=cause.incident_id,
            actor=commander,
            number=cause.number,
            leads_to=targets,
        )

    def live(self):
        rows = CausePath.objects.filter(retracted_at=None)
        return {(row.cause.ref, row.leads_to.ref) for row in rows}

    def test_makes_the_arrows_exactly_these(self, commander, state_cause):
        one, two, three = state_cause(), state_cause(), state_cause()

        self.link(commander, one, two, three)
        self.link(commander, one, three)

        assert self.live() == {("CA-1", "CA-3")}

    def test_draws_a_withdrawn_arrow_again(self, commander, state_cause):
        one, two = state_cause(), state_cause()

        for targets in ((two,), (), (two,)):
            self.link(commander, one, *targets)

        assert self.live() == {("CA-1", "CA-2")}
        assert CausePath.objects.count() == 1

    def test_refuses_circles_of_any_length(self, commander, state_cause):
        one, two, three = state_cause(), state_cause(), state_cause()
        self.link(commander, one, two)
        self.link(commander, two, three)

        for source, target in ((one, one), (two, one), (three, one)):
            with pytest.raises(ValidationError) as caught:
                self.link(commander, source, target)
            assert codes(caught.value) == {"leads_to": ["circle"]}

        assert self.live() == {("CA-1", "CA-2"), ("CA-2", "CA-3")}

    def test_lets_two_paths_meet(self, commander, state_cause):
        one, two, three, four = (state_cause() for _ in range(4))
        self.link(commander, one, two, three)
        self.link(commander, two, four)
        self.link(commander, three, four)

        assert len(self.live()) == 4

    def test_turns_an_arrow_around_in_two_steps(self, commander, state_cause):
        one, two = state_cause(), state_cause()
        self.link(commander, one, two)

        self.link(commander, one)
        self.link(commander, two, one)

        assert self.live() == {("CA-2", "CA-1")}

    def test_refuses_a_withdrawn_cause(self, incident, commander, state_cause):
        one, two = state_cause(), state_cause()
        services.retract_cause(
            incident_id=incident.pk, actor=commander, number=two.number, reason="x"
        )
        two.refresh_from_db()

        with pytest.raises(ValidationError) as caught:
            self.link(commander, one, two)

        assert codes(caught.value) == {"leads_to": ["invalid"]}


class TestEntries:
    def test_sets_exactly_these_and_refuses_foreign_ones(
        self, incident, elsewhere, commander, state_cause
    ):
        def entry(where):
            return add_entry(
                incident_id=where.pk,
                actor=commander,
                kind=Entry.Kind.SIGNAL,
                occurred_at=NOW - dt.timedelta(hours=1),
                observed_signal="Lag",
            )

        here, there = entry(incident), entry(elsewhere)
        cause = state_cause()
        call = {
            "incident_id": incident.pk,
            "actor": commander,
            "number": cause.number,
        }

        services.edit_cause(entries=[here], **call)
        with pytest.raises(ValidationError) as caught:
            services.edit_cause(entries=[here, there], **call)

        assert codes(caught.value) == {"entries": ["invalid"]}
        assert list(cause.entries.all()) == [here]


class TestAnotherRelation:
    """It is another version of the row: nobody undoes one unseen."""

    @pytest.fixture
    def edit(self, incident, commander):
        def edit(cause, **fields):
            return services.edit_cause(
                incident_id=incident.pk,
                actor=commander,
                number=cause.number,
                **fields,
            )

        return edit

    @pytest.fixture
    def entry(self, incident, commander):
        return add_entry(
            incident_id=incident.pk,
            actor=commander,
            kind=Entry.Kind.SIGNAL,
            occurred_at=NOW - dt.timedelta(hours=1),
            observed_signal="Lag",
        )

    def test_is_told_and_refuses_who_read_the_version_before(
        self, incident, edit, entry, state_cause
    ):
        cause, other = state_cause(), state_cause()

        first = edit(cause, version=1, leads_to=[other])
        with pytest.raises(StaleVersion):
            edit(cause, version=1, leads_to=[])
        second = edit(cause, version=2, entries=[entry])

        assert (first.version, second.version) == (2, 3)
        assert cause.history.count() == 3
        told = ActivityEntry.objects.filter(verb="rca.cause_edited").order_by("pk")
        assert [entry.data["changes"] for entry in told] == [
            {"leads_to": [[], [other.ref]]},
            {"entries": [[], [entry.ref]]},
        ]
        incident.refresh_from_db()
        assert verify(incident) == []

    def test_with_other_words_is_one_version(self, edit, state_cause):
        cause, other = state_cause(), state_cause()

        assert edit(cause, role="It widened it.", leads_to=[other]).version == 2

    def test_that_is_the_same_writes_nothing(self, incident, edit, entry, state_cause):
        other = state_cause()
        cause = state_cause(leads_to=[other], entries=[entry])
        count = ActivityEntry.objects.count()

        same = edit(
            cause, version=1, leads_to=[other], entries=[entry], label=cause.label
        )

        assert same.version == 1
        assert (ActivityEntry.objects.count(), cause.history.count()) == (count, 1)
