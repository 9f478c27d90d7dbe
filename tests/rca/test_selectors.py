"""Reads of the root cause analysis."""

from __future__ import annotations

from itertools import pairwise

from postmortem.lib.findings import Case
from rca import selectors, services
from rca.models import Cause, CausePath
from tests.rca.conftest import DUE


class TestCauses:
    def test_orders_by_role_and_joins_arrows_and_entries(self, incident, state_cause):
        primary = state_cause()
        gap = state_cause("contributing", leads_to=[primary])
        trigger = state_cause("trigger", leads_to=[primary])

        found = selectors.causes(incident)

        assert found == [trigger, primary, gap]
        assert [cause.next_causes for cause in found] == [[primary], [], [primary]]
        assert [cause.entry_rows for cause in found] == [[], [], []]

    def test_leaves_out_withdrawn_causes_arrows_and_links(
        self, incident, commander, original, state_cause
    ):
        primary = state_cause(evidence=[original])
        gap = state_cause("contributing", leads_to=[primary])
        call = {"incident_id": incident.pk, "actor": commander}
        services.edit_cause(number=primary.number, evidence=[], **call)
        services.edit_cause(number=gap.number, leads_to=[], **call)
        lost = state_cause("trigger", leads_to=[primary])
        services.retract_cause(number=lost.number, reason="Twice", **call)

        found = selectors.causes(incident)

        assert found == [primary, gap]
        assert [cause.evidence for cause in found] == [[], []]
        assert [cause.next_causes for cause in found] == [[], []]
        every = selectors.every_cause(incident)
        assert [row for row in every if row.is_retracted] == [lost]

    def test_reads_only_this_incident(self, incident, elsewhere, state_cause):
        state_cause()

        assert selectors.causes(elsewhere) == []


class TestFailureModes:
    def test_puts_known_unknowns_last(self, incident, state_mode):
        """R-FM-08"""
        unknown = state_mode(mode="known_unknown", standing="provisional")
        ruled_out = state_mode(standing="ruled_out")
        supported = state_mode()

        assert selectors.failure_modes(incident) == [supported, ruled_out, unknown]


class TestGraph:
    def test_stands_each_cause_left_of_what_it_leads_to(self, incident, state_cause):
        primary = state_cause()
        near = state_cause("contributing", leads_to=[primary])
        state_cause("contributing", leads_to=[near, primary])

        drawn = selectors.graph(Case(incident))

        at = {node.cause.ref: node.x for node in drawn.nodes}
        assert at["CA-3"] < at["CA-2"] < at["CA-1"]
        assert len(drawn.arrows) == 3
        assert drawn.sentences == (
            "CA-1, primary cause (provisional): leads to no other cause.",
            "CA-2, contributing cause (provisional): leads to CA-1.",
            "CA-3, contributing cause (provisional): leads to CA-1, CA-2.",
        )

    def test_overlaps_no_boxes(self, incident, state_cause):
        for index in range(6):
            state_cause("contributing", "A statement of some length " * (index + 1))

        nodes = selectors.graph(Case(incident)).nodes

        below = sorted(nodes, key=lambda node: node.y)
        for upper, lower in pairwise(below):
            assert upper.x != lower.x or upper.y + upper.height < lower.y

    def test_leaves_out_what_was_ruled_out(self, incident, commander, state_cause):
        primary = state_cause()
        other = state_cause("primary", "A lock", leads_to=[primary])
        services.rule_out_cause(
            incident_id=incident.pk,
            actor=commander,
            number=other.number,
            reason="Flat",
        )

        drawn = selectors.graph(Case(incident))

        assert [node.cause for node in drawn.nodes] == [primary]
        assert drawn.arrows == ()

    def test_survives_a_circle_that_an_import_brought(self, incident, state_cause):
        one, two = state_cause(), state_cause()
        CausePath(incident=incident, cause=one, leads_to=two).save()
        CausePath(incident=incident, cause=two, leads_to=one).save()

        drawn = selectors.graph(Case(incident))

        assert len(drawn.nodes) == len(drawn.arrows) == 2

    def test_survives_a_long_chain(self, incident, state_cause):
        before = None
        for _ in range(40):
            before = state_cause(leads_to=[before] if before else [])

        assert len(selectors.graph(Case(incident)).arrows) == 39

    def test_draws_escaped_text_with_links_to_the_cards(self, incident, state_cause):
        state_cause("primary", "<script>alert(1)</script> & more")

        svg = selectors.graph_svg(selectors.graph(Case(incident)))

        assert "<script>" not in svg
        assert "&lt;script&gt;" in svg
        assert f'href="/incidents/{incident.key}/causes/#CA-1"' in svg
        assert "is-provisional" in svg
        assert "style=" not in svg

    def test_draws_nothing_without_causes(self, incident):
        assert selectors.graph_svg(selectors.graph(Case(incident))) == ""


class TestWording:
    def test_judges_doubt_and_certainty_by_the_state(
        self, incident, commander, original, state_cause
    ):
        text = "Probably it was definitely the cache"
        cause = state_cause("primary", text, evidence=[original])

        assert selectors.wording(incident) == []

        services.confirm_cause(
            incident_id=incident.pk, actor=commander, number=cause.number
        )
        assert [w.kind for w in selectors.wording(incident)] == ["hedge"]

    def test_marks_the_words_in_escaped_text(self, incident, state_cause):
        cause = state_cause("primary", 'A "b" <i> human error & it was sloppy')
        found = selectors.wording_of(cause, ())

        assert selectors.marked(cause.statement, found).count("<mark") == 2
        assert selectors.marked(cause.statement, found).startswith(
            "A &quot;b&quot; &lt;i&gt; <mark"
        )

    def test_shows_a_text_without_matches_as_it_is(self):
        assert selectors.marked("a < b", []) == "a &lt; b"


class TestRecord:
    def test_exports_causes_with_arrows_and_evidence(
        self, incident, commander, responder, original, state_cause
    ):
        from postmortem.lib.record import build_record

        primary = state_cause(evidence=[original])
        gap = state_cause("contributing", leads_to=[primary])
        services.mark_provisional(
            incident_id=incident.pk,
            actor=commander,
            number=gap.number,
            missing_check="Log",
            owner=responder,
            due_at=DUE,
        )

        first, second = build_record(incident)["causes"]

        assert [item["evidence"] for item in first["evidence"]] == ["EV-1"]
        assert second["leads_to"] == ["CA-1"]
        assert second["known_unknown"] == "KU-1"
        assert Cause.objects.count() == 2
