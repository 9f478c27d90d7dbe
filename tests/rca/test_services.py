"""Write verbs of the root cause analysis."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from incidents.activity import verify
from incidents.models import ActivityEntry, Incident, KnownUnknown
from incidents.services.core import retract_record
from postmortem.lib.errors import InvalidTransition, StaleVersion
from rca import services
from rca.models import Analysis, Cause, CausePath, FailureMode
from tests.conftest import NOW
from tests.rca.conftest import DUE, make_evidence


def codes(error: ValidationError) -> dict[str, list[str | None]]:
    return {
        name: [item.code for item in items] for name, items in error.error_dict.items()
    }


def last_verb() -> str:
    return ActivityEntry.objects.latest("pk").verb


@pytest.fixture
def provisional(incident, commander, responder, state_cause):
    cause = state_cause("contributing", "Provider A shortened its retries")
    return services.mark_provisional(
        incident_id=incident.pk,
        actor=commander,
        number=cause.number,
        missing_check="Provider delivery log",
        owner=responder,
        due_at=DUE,
    )


class TestEveryVerb:
    """What holds for all of them: role, status, incident, activity, chain."""

    @pytest.fixture
    def calls(self, incident, responder, original, state_cause, state_mode):
        cause = state_cause(evidence=[original])
        mode = state_mode()
        common: dict[str, Any] = {"incident_id": incident.pk}
        number: dict[str, Any] = {**common, "number": cause.number}
        row: dict[str, Any] = {**common, "number": mode.number}
        unknown = {"missing_check": "Log", "owner": responder, "due_at": DUE}
        return {
            "set_analysis": {**common, "method": "other", "why_it_fits": "It fits"},
            "add_cause": {**common, "label": "trigger", "statement": "Deploy"},
            "edit_cause": {**number, "statement": "Changed"},
            "link_causes": {**number, "leads_to": []},
            "set_cause_entries": {**number, "entries": []},
            "mark_provisional": {**number, **unknown},
            "confirm_cause": number,
            "rule_out_cause": {**number, "reason": "Not so"},
            "retract_cause": {**number, "reason": "Mistake"},
            "add_failure_mode": {**common, "mode": "other", "name": "A row"},
            "edit_failure_mode": {**row, "name": "Changed"},
            "mark_failure_mode_provisional": {**row, **unknown},
            "retract_failure_mode": {**row, "reason": "Mistake"},
        }

    def test_covers_the_public_services(self, calls):
        assert sorted(calls) == sorted(services.__all__)

    def test_is_allowed_and_leaves_an_unbroken_chain(self, calls, incident, commander):
        for name, call in calls.items():
            getattr(services, name)(actor=commander, **call)

        incident.refresh_from_db()
        assert verify(incident) == []

    def test_refuses_a_viewer_and_an_outsider(self, calls, viewer, outsider):
        for name, call in calls.items():
            for actor in (viewer, outsider):
                with pytest.raises(PermissionDenied):
                    getattr(services, name)(actor=actor, **call)

    def test_refuses_a_closed_record(self, calls, incident, commander):
        Incident.objects.filter(pk=incident.pk).update(status="closed")

        for name, call in calls.items():
            with pytest.raises(InvalidTransition) as caught:
                getattr(services, name)(actor=commander, **call)
            assert caught.value.code == "frozen", name

    def test_refuses_who_may_not_see_the_incident(self, calls, incident, responder):
        Incident.objects.filter(pk=incident.pk).update(is_restricted=True)

        for name, call in calls.items():
            with pytest.raises(PermissionDenied):
                getattr(services, name)(actor=responder, **call)

    def test_writes_nothing_when_it_is_refused(self, calls, viewer):
        before = Cause.history.count(), ActivityEntry.objects.count()

        for name, call in calls.items():
            with pytest.raises(PermissionDenied):
                getattr(services, name)(actor=viewer, **call)

        assert (Cause.history.count(), ActivityEntry.objects.count()) == before

    def test_refuses_a_stale_version(self, calls, commander):
        for name, call in calls.items():
            if name in {"set_analysis"} or name.startswith(("add_", "retract_")):
                continue
            with pytest.raises(StaleVersion):
                getattr(services, name)(actor=commander, version=99, **call)


class TestSetAnalysis:
    def test_keeps_one_analysis_and_its_reason(self, incident, commander):
        """R-DOC-14"""
        first = services.set_analysis(
            incident_id=incident.pk,
            actor=commander,
            method="iterated_why",
            why_it_fits="Short",
        )
        second = services.set_analysis(
            incident_id=incident.pk,
            actor=commander,
            method="change_analysis",
            why_it_fits="A deploy preceded it",
            version=first.version,
        )

        assert Analysis.objects.get() == second
        assert second.method == "change_analysis"
        assert Analysis.history.count() == 2
        assert last_verb() == "rca.analysis_set"

    def test_refuses_a_method_without_reason(self, incident, commander):
        with pytest.raises(ValidationError) as caught:
            services.set_analysis(
                incident_id=incident.pk,
                actor=commander,
                method="other",
                why_it_fits="\n ",
            )

        assert codes(caught.value) == {"why_it_fits": ["required"]}

    def test_refuses_an_unknown_method(self, incident, commander):
        with pytest.raises(ValidationError) as caught:
            services.set_analysis(
                incident_id=incident.pk,
                actor=commander,
                method="five_whys_of_bob",
                why_it_fits="x",
            )

        assert codes(caught.value) == {"method": ["invalid_choice"]}

    def test_refuses_a_stale_version(self, incident, commander):
        for words in ("One", "Two"):
            services.set_analysis(
                incident_id=incident.pk,
                actor=commander,
                method="other",
                why_it_fits=words,
            )

        with pytest.raises(StaleVersion) as caught:
            services.set_analysis(
                incident_id=incident.pk,
                actor=commander,
                method="other",
                why_it_fits="Three",
                version=1,
            )

        assert caught.value.current["why_it_fits"] == "Two"


class TestAddCause:
    def test_starts_as_a_provisional_candidate(self, state_cause):
        """R-RC-06: several causes, each a candidate first."""
        first, second = state_cause(), state_cause("primary", "Another one")

        assert [first.ref, second.ref] == ["CA-1", "CA-2"]
        assert {first.state, second.state} == {"provisional"}
        assert last_verb() == "rca.cause_added"

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"label": "root"}, {"label": ["invalid_choice"]}),
            ({"label": ""}, {"label": ["blank"]}),
            ({"statement": " "}, {"statement": ["blank"]}),
            ({"statement": "a\x00b"}, {"statement": ["control_characters"]}),
            ({"statement": "x" * 10_001}, {"statement": ["max_length"]}),
        ],
    )
    def test_refuses_bad_input(self, incident, commander, fields, expected):
        with pytest.raises(ValidationError) as caught:
            services.add_cause(
                incident_id=incident.pk,
                actor=commander,
                **{"label": "primary", "statement": "x", **fields},
            )

        assert codes(caught.value) == expected
        assert not Cause.objects.exists()

    def test_refuses_rows_of_another_incident(
        self, incident, elsewhere, commander, state_cause
    ):
        foreign = make_evidence(elsewhere, commander, "Foreign")
        other = services.add_cause(
            incident_id=elsewhere.pk,
            actor=commander,
            label="primary",
            statement="Elsewhere",
        )

        with pytest.raises(ValidationError) as evidence:
            state_cause(evidence=[foreign])
        with pytest.raises(ValidationError) as path:
            state_cause(leads_to=[other])

        assert codes(evidence.value) == {"evidence": ["invalid"]}
        assert codes(path.value) == {"leads_to": ["invalid"]}
        assert not Cause.objects.filter(incident=incident).exists()


class TestEditCause:
    def test_changes_only_what_was_sent(
        self, incident, commander, original, state_cause
    ):
        cause = state_cause(evidence=[original], condition="No test")

        edited = services.edit_cause(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            statement="Better words",
            version=1,
        )

        assert edited.statement == "Better words"
        assert edited.condition == "No test"
        assert edited.evidence == [original]
        assert edited.version == 2

    def test_writes_nothing_when_nothing_moved(self, incident, commander, state_cause):
        cause = state_cause()
        before = ActivityEntry.objects.count()

        services.edit_cause(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            statement=cause.statement,
            evidence=[],
            leads_to=[],
            entries=[],
        )

        assert ActivityEntry.objects.count() == before

    @pytest.mark.parametrize(
        ("change", "field"), [({"role": ""}, "role"), ({"evidence": []}, "evidence")]
    )
    def test_keeps_what_a_confirmed_cause_rests_on(
        self, incident, commander, original, state_cause, change, field
    ):
        """R-RC-05, R-RC-07"""
        cause = state_cause(evidence=[original])
        services.confirm_cause(
            incident_id=incident.pk, actor=commander, number=cause.number
        )

        with pytest.raises(ValidationError) as caught:
            services.edit_cause(
                incident_id=incident.pk, actor=commander, number=cause.number, **change
            )

        assert list(codes(caught.value)) == [field]
        cause.refresh_from_db()
        assert cause.role
        assert not cause.is_provisional

    def test_refuses_a_withdrawn_cause(self, incident, commander, state_cause):
        cause = state_cause()
        services.retract_cause(
            incident_id=incident.pk, actor=commander, number=cause.number, reason="x"
        )

        with pytest.raises(InvalidTransition, match="withdrawn"):
            services.edit_cause(
                incident_id=incident.pk,
                actor=commander,
                number=cause.number,
                statement="y",
            )


class TestConfirmCause:
    def confirm(self, incident, commander, cause, **fields):
        return services.confirm_cause(
            incident_id=incident.pk, actor=commander, number=cause.number, **fields
        )

    def test_takes_a_role_and_an_original_record(
        self, incident, commander, original, state_cause
    ):
        cause = self.confirm(incident, commander, state_cause(evidence=[original]))

        assert cause.state == "confirmed"
        entry = ActivityEntry.objects.latest("pk")
        assert entry.sentence == "confirmed the primary cause CA-1 by EV-1"

    def test_refuses_without_role(self, incident, commander, original, state_cause):
        """R-RC-05"""
        with pytest.raises(ValidationError) as caught:
            self.confirm(incident, commander, state_cause(role="", evidence=[original]))

        assert codes(caught.value) == {"role": ["role_missing"]}

    @pytest.mark.parametrize("linked", [[], ["later"], ["named"], ["later", "named"]])
    def test_refuses_without_an_original_that_can_be_opened(
        self, incident, commander, state_cause, linked, request
    ):
        """R-RC-07, R-EV-04, R-EV-07"""
        evidence = [request.getfixturevalue(name) for name in linked]

        with pytest.raises(ValidationError) as caught:
            self.confirm(incident, commander, state_cause(evidence=evidence))

        assert codes(caught.value) == {"evidence": ["evidence_missing"]}
        assert Cause.objects.get().state == "provisional"

    def test_refuses_when_the_original_was_withdrawn(
        self, incident, commander, original, state_cause
    ):
        cause = state_cause(evidence=[original])
        retract_record(
            incident_id=incident.pk,
            actor=commander,
            model=type(original),
            number=original.number,
            reason="Wrong file",
            permission="evidence.add",
        )

        with pytest.raises(ValidationError):
            self.confirm(incident, commander, cause)

    def test_settles_the_known_unknown_by_the_same_artifacts(
        self, incident, commander, original, provisional
    ):
        services.edit_cause(
            incident_id=incident.pk,
            actor=commander,
            number=provisional.number,
            evidence=[original],
        )

        self.confirm(
            incident, commander, provisional, resolution="412 attempts, then none"
        )

        unknown = KnownUnknown.objects.get()
        assert unknown.state == "resolved"
        assert unknown.resolution == "412 attempts, then none"
        assert [link.evidence for link in unknown.evidence_links.all()] == [original]

    def test_refuses_a_second_time(self, incident, commander, original, state_cause):
        cause = self.confirm(incident, commander, state_cause(evidence=[original]))

        with pytest.raises(InvalidTransition):
            self.confirm(incident, commander, cause)


class TestMarkProvisional:
    def test_states_check_owner_and_deadline_as_a_known_unknown(
        self, provisional, responder
    ):
        """R-RC-08"""
        unknown = KnownUnknown.objects.get()

        assert provisional.known_unknown == unknown
        assert unknown.missing_check == "Provider delivery log"
        assert unknown.owner == responder
        assert unknown.due_at == DUE
        assert unknown.question == "Is it so: Provider A shortened its retries"

    def test_changes_the_open_unknown_instead_of_adding_one(
        self, incident, commander, responder, provisional
    ):
        services.mark_provisional(
            incident_id=incident.pk,
            actor=commander,
            number=provisional.number,
            missing_check="Provider's answer",
            owner=commander,
            due_at=DUE,
        )

        assert KnownUnknown.objects.get().missing_check == "Provider's answer"

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"missing_check": " "}, {"missing_check": ["required"]}),
            ({"owner": None}, {"owner": ["required"]}),
            ({"due_at": None}, {"due_at": ["required"]}),
            (
                {"missing_check": "", "owner": None, "due_at": None},
                {
                    "missing_check": ["required"],
                    "owner": ["required"],
                    "due_at": ["required"],
                },
            ),
            ({"due_at": NOW - dt.timedelta(hours=1)}, {"due_at": ["past_deadline"]}),
        ],
    )
    def test_refuses_what_nobody_could_follow_up(
        self, incident, commander, responder, state_cause, change, expected
    ):
        """R-RC-08"""
        cause = state_cause()
        call = {"missing_check": "Log", "owner": responder, "due_at": DUE, **change}

        with pytest.raises(ValidationError) as caught:
            services.mark_provisional(
                incident_id=incident.pk, actor=commander, number=cause.number, **call
            )

        assert codes(caught.value) == expected
        assert not KnownUnknown.objects.exists()

    def test_shortens_the_question_of_a_long_statement(
        self, incident, commander, responder, state_cause
    ):
        cause = state_cause("primary", "x\n" * 400)

        services.mark_provisional(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            missing_check="Log",
            owner=responder,
            due_at=DUE,
        )

        assert len(KnownUnknown.objects.get().question) == 300

    def test_takes_back_a_confirmation_and_opens_a_ruled_out_cause(
        self, incident, commander, responder, original, state_cause
    ):
        """R-RC-09"""
        cause = state_cause(evidence=[original])
        common = {"incident_id": incident.pk, "actor": commander}
        again = {"missing_check": "Log", "owner": responder, "due_at": DUE}
        services.confirm_cause(number=cause.number, **common)

        back = services.mark_provisional(number=cause.number, **common, **again)
        assert back.state == "provisional"

        services.rule_out_cause(number=cause.number, reason="Not so", **common)
        back = services.mark_provisional(number=cause.number, **common, **again)
        assert back.state == "provisional"
        assert back.ruled_out_reason == ""
        states = KnownUnknown.objects.order_by("number").values_list("state", flat=True)
        assert list(states) == ["resolved", "open"]


class TestRuleOutCause:
    def test_keeps_it_with_reason_and_evidence(
        self, incident, commander, original, later, provisional
    ):
        cause = services.rule_out_cause(
            incident_id=incident.pk,
            actor=commander,
            number=provisional.number,
            reason="Attempts per event are unchanged",
            evidence=[original],
        )

        assert cause.state == "ruled_out"
        assert cause.ruled_out_reason == "Attempts per event are unchanged"
        assert cause.evidence == [original]
        assert KnownUnknown.objects.get().state == "resolved"

    def test_asks_for_the_reason(self, incident, commander, state_cause):
        cause = state_cause()

        with pytest.raises(ValidationError) as caught:
            services.rule_out_cause(
                incident_id=incident.pk, actor=commander, number=cause.number, reason=""
            )

        assert codes(caught.value) == {"reason": ["required"]}


class TestLinkCauses:
    def link(self, commander, cause, *targets):
        return services.link_causes(
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


class TestSetCauseEntries:
    def test_sets_exactly_these_and_refuses_foreign_ones(
        self, incident, elsewhere, commander, state_cause
    ):
        from timeline.models import Entry
        from timeline.services.entries import add_entry

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

        services.set_cause_entries(entries=[here], **call)
        with pytest.raises(ValidationError) as caught:
            services.set_cause_entries(entries=[here, there], **call)

        assert codes(caught.value) == {"entries": ["invalid"]}
        assert list(cause.entries.all()) == [here]


class TestRetract:
    def test_keeps_the_row_with_the_reason(self, incident, commander, state_cause):
        cause = state_cause()

        services.retract_cause(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            reason="Entered twice",
        )

        cause.refresh_from_db()
        assert cause.is_retracted
        assert cause.retraction_reason == "Entered twice"

    def test_asks_for_the_reason(self, incident, commander, state_cause):
        cause = state_cause()

        with pytest.raises(ValidationError):
            services.retract_cause(
                incident_id=incident.pk, actor=commander, number=cause.number, reason=""
            )


class TestFailureModes:
    def test_holds_every_column(self, original, state_mode):
        """R-FM-01"""
        row = state_mode(evidence=[original])

        assert row.ref == "FM-1"
        assert row.missing_columns == []
        assert row.evidence == [original]

    def test_accepts_what_is_incomplete(self, incident, commander):
        row = services.add_failure_mode(
            incident_id=incident.pk, actor=commander, mode="third_party", name="Gateway"
        )

        assert len(row.missing_columns) == 4

    def test_names_what_would_settle_a_known_unknown(self, responder, state_mode):
        """R-FM-08"""
        row = state_mode(
            mode="known_unknown",
            standing="provisional",
            missing_check="Route-change log",
            owner=responder,
            due_at=DUE,
        )

        assert row.known_unknown.owner == responder

    @pytest.mark.parametrize("standing", ["supported", "ruled_out"])
    def test_refuses_to_call_a_known_unknown_settled(
        self, incident, commander, state_mode, standing
    ):
        """R-FM-08"""
        with pytest.raises(ValidationError) as caught:
            state_mode(mode="known_unknown", standing=standing)

        assert codes(caught.value) == {"standing": ["known_unknown_settled"]}
        assert not FailureMode.objects.exists()

    @pytest.mark.parametrize("given", [{"missing_check": "Log"}, {"due_at": DUE}])
    def test_refuses_half_of_what_would_settle_it(self, state_mode, given):
        with pytest.raises(ValidationError):
            state_mode(standing="provisional", **given)

        assert not KnownUnknown.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"mode": "gremlins"}, {"mode": ["invalid_choice"]}),
            ({"name": ""}, {"name": ["blank"]}),
            ({"name": "x" * 201}, {"name": ["max_length"]}),
            ({"standing": "sure"}, {"standing": ["invalid_choice"]}),
        ],
    )
    def test_refuses_bad_input(self, state_mode, fields, expected):
        with pytest.raises(ValidationError) as caught:
            state_mode(**fields)

        assert codes(caught.value) == expected

    def test_edits_evidence_to_exactly_these(
        self, incident, commander, original, later, state_mode
    ):
        row = state_mode(evidence=[original])

        edited = services.edit_failure_mode(
            incident_id=incident.pk,
            actor=commander,
            number=row.number,
            evidence=[later],
            version=1,
        )

        assert edited.evidence == [later]
        assert last_verb() == "rca.failure_mode_edited"

    def test_leaves_the_unknown_alone_when_the_form_sends_it_unchanged(
        self, incident, commander, responder, state_mode
    ):
        unknown = {"missing_check": "Log", "owner": responder, "due_at": DUE}
        row = state_mode(standing="provisional", **unknown)
        before = ActivityEntry.objects.count()

        services.edit_failure_mode(
            incident_id=incident.pk, actor=commander, number=row.number, **unknown
        )

        assert ActivityEntry.objects.count() == before
