"""Reads: lists, findings, hash, uses, quality; queries do not grow with rows."""

import datetime as dt

import pytest
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from incidents import selectors
from incidents.models import FindingSnapshot, Incident, Lane, Participation
from incidents.services import claims, lifecycle, people
from incidents.services.findings import refresh_findings
from postmortem.lib.canonical import digest
from postmortem.lib.findings import Case, Gate, run_checks
from postmortem.lib.record import build_record
from tests.conftest import NOW, person
from tests.factories import (
    make_evidence,
    make_figure,
    make_impact,
    make_incident,
    make_scope,
    make_unknown,
)


def fill(incident, actor, times):
    """`times` of every kind of row, all linked."""
    for _ in range(times):
        item = make_evidence(incident, actor=actor)
        make_scope(incident, actor=actor, evidence=[item])
        impact = make_impact(incident, actor=actor, evidence=[item])
        make_figure(impact, actor=actor, evidence=[item])
        make_unknown(incident, actor=actor, evidence=[item])


@pytest.fixture
def count(django_assert_max_num_queries):
    from django.db import connection

    def run(function):
        with CaptureQueriesContext(connection) as seen:
            function()
        return len(seen)

    return run


READS = {
    "scope": lambda i: [(r.evidence, r.is_provisional) for r in selectors.scope(i)],
    "impacts": lambda i: [
        (r.evidence, [f.evidence for f in r.live_figures]) for r in selectors.impacts(i)
    ],
    "figures": lambda i: [(r.evidence, r.impact.kind) for r in selectors.figures(i)],
    "evidence": lambda i: [str(r.recorded_by) for r in selectors.evidence(i)],
    "unknowns": lambda i: [
        ([x.evidence for x in r.evidence_links.all()], str(r.owner))
        for r in selectors.unknowns(i)
    ],
    "participations": lambda i: [r.user.label for r in selectors.participations(i)],
    "lanes": lambda i: [r.owner for r in selectors.lanes(i)],
    "evidence_use": lambda i: [
        (use.ref, use.url, use.label)
        for uses in selectors.evidence_use(i).values()
        for use in uses
    ],
    "record_quality": lambda i: selectors.record_quality(Case(i)),
    "checks": lambda i: run_checks(
        Case(i), only=lambda c: c.function.__module__.startswith("incidents.")
    ),
}


class TestQueryCounts:
    @pytest.mark.parametrize("name", READS)
    def test_do_not_grow_with_rows(self, name, commander, count):
        small, large = (make_incident(actor=commander) for _ in range(2))
        fill(small, commander, 1)
        fill(large, commander, 6)

        READS[name](small)
        assert count(lambda: READS[name](large)) == count(lambda: READS[name](small))

    def test_lists_of_incidents_take_one(self, commander, count):
        for _ in range(5):
            refresh_findings(make_incident(actor=commander).pk)

        def read():
            rows = selectors.lines(selectors.search(commander))
            return [(i.key, i.blocking, i.commander, i.lanes) for i in rows]

        read()
        assert count(read) == 1


class TestLines:
    def test_name_whoever_is_in_command_now(self, incident, commander):
        night = person("night", "Second", "Night commander", Role.COMMANDER)
        backup = person("backup", "Third", "Backup", Role.COMMANDER)
        for user, duty in ((backup, "commander"), (night, "scribe")):
            people.set_duty(
                incident_id=incident.pk,
                actor=commander,
                user=user,
                duty=duty,
                is_backup=user == backup,
            )
        before = selectors.lines(selectors.search(commander))
        people.hand_over_command(incident_id=incident.pk, actor=commander, to=night)
        after = selectors.lines(selectors.search(commander))

        assert [line.commander for line in before] == [commander.label]
        assert [line.commander for line in after] == ["Night commander"]

    def test_name_the_lanes_in_force_in_their_order(self, commander):
        made = make_incident(actor=commander, lanes=["refunds", "checkout", "payouts"])
        Lane.objects.filter(incident=made, slug="checkout").update(retracted_at=NOW)

        (line,) = selectors.lines(selectors.search(commander))
        assert line.lanes == (("refunds", "Refunds"), ("payouts", "Payout batches"))

    def test_name_nobody_where_command_has_ended(self, incident, commander):
        Participation.objects.filter(incident=incident).update(until=NOW)

        (line,) = selectors.lines(selectors.search(commander))
        assert (line.key, line.commander) == ("INC-1", "")


class TestSearch:
    @pytest.fixture
    def three(self, commander):
        make_incident(actor=commander)
        make_incident(
            actor=commander, title="Payouts late", severity="SEV3", lanes=["payouts"]
        )
        made = make_incident(actor=commander, title="False alarm", lanes=[])
        lifecycle.cancel_incident(
            incident_id=made.pk, actor=commander, reason="false alarm"
        )

    @pytest.mark.parametrize(
        ("wanted", "keys"),
        [
            ({}, ["INC-3", "INC-2", "INC-1"]),
            ({"statuses": ["active"]}, ["INC-2", "INC-1"]),
            ({"statuses": ["active", "cancelled"]}, ["INC-3", "INC-2", "INC-1"]),
            ({"severities": ["SEV3"]}, ["INC-2"]),
            ({"lane": "checkout"}, ["INC-1"]),
            ({"q": "payouts"}, ["INC-2"]),
            ({"q": "inc-3"}, ["INC-3"]),
            ({"q": "3 alarm"}, ["INC-3"]),
            ({"q": "²"}, []),
            ({"q": "INC-99999999999"}, []),
            ({"q": "late payouts"}, ["INC-2"]),
        ],
    )
    def test_filters(self, three, viewer, wanted, keys):
        assert [i.key for i in selectors.search(viewer, **wanted)] == keys

    def test_hides_restricted_ones(self, three, commander, viewer, administrator):
        lifecycle.edit_incident(
            incident_id=Incident.objects.get(number=2).pk,
            actor=commander,
            is_restricted=True,
        )
        assert "INC-2" not in [i.key for i in selectors.search(viewer)]
        assert "INC-2" in [i.key for i in selectors.search(commander)]
        assert "INC-2" in [i.key for i in selectors.search(administrator)]


class TestBlocking:
    def test_takes_only_the_checks_of_the_gate(self, incident, commander):
        make_scope(incident, actor=commander)
        clear = {f.id for f in selectors.blocking(incident, Gate.ALL_CLEAR)}
        close = {f.id for f in selectors.blocking(incident, Gate.CLOSE)}
        assert "SC003" in clear
        assert "SC012" not in clear
        assert {"SC003", "SC012"} <= close


class TestContentHash:
    def test_moves_with_the_record_and_not_with_the_clock(
        self, incident, responder, clock
    ):
        """R-AP-02"""
        before = selectors.content_hash(incident)
        clock.shift(dt.timedelta(days=2))
        assert selectors.content_hash(incident) == before

        make_scope(incident, actor=responder)
        incident.refresh_from_db()
        assert selectors.content_hash(incident) != before

    def test_is_the_digest_of_the_canonical_record(self, incident):
        assert selectors.content_hash(incident) == digest(build_record(incident))

    def test_reads_the_stored_one_only_while_the_head_stands(self, incident, responder):
        refresh_findings(incident.pk)
        FindingSnapshot.objects.update(content_hash="f" * 64)
        assert selectors.content_hash(incident) == "f" * 64
        assert selectors.content_hash(incident, fresh=True) != "f" * 64

        make_scope(incident, actor=responder)
        incident.refresh_from_db()
        assert selectors.content_hash(incident) != "f" * 64


class TestEvidenceUse:
    def test_knows_every_claim_that_cites_it(self, incident, responder):
        """R-EV-05"""
        fill(incident, responder, 1)
        uses = selectors.evidence_use(incident)
        assert {k: sorted(u.ref for u in v) for k, v in uses.items()} == {
            selectors.evidence(incident)[0].pk: ["FG-1", "IM-1", "KU-1", "SC-1"]
        }

    def test_covers_every_link_table_of_the_apps_above(self):
        names = {model.__name__ for model in selectors.link_models()}
        assert {
            "ScopeEvidence",
            "EntryEvidence",
            "CauseEvidence",
            "TestRunEvidence",
        } <= names

    def test_forgets_withdrawn_links(self, incident, responder):
        fill(incident, responder, 1)
        claims.edit_scope(
            incident_id=incident.pk, actor=responder, number=1, evidence=[]
        )
        (uses,) = selectors.evidence_use(incident).values()
        assert sorted(u.ref for u in uses) == ["FG-1", "IM-1", "KU-1"]


class TestFindRow:
    @pytest.mark.parametrize(
        ("ref", "found"),
        [
            ("SC-1", True),
            ("SC-2", False),
            ("XX-1", False),
            ("SC", False),
            ("SC-x", False),
            ("", False),
            ("SC-99999999999", False),
        ],
    )
    def test_reads_a_ref(self, incident, responder, ref, found):
        make_scope(incident, actor=responder)
        assert bool(selectors.find_row(incident, ref)) is found

    def test_every_prefix_names_one_model(self):
        prefixes = [m.prefix for m in selectors.record_models().values()]
        assert len(prefixes) == len(set(prefixes)) >= 15


class TestRecordQuality:
    def test_counts_claims_evidence_and_unknowns(self, incident, responder, clock):
        """R-MT-04"""
        fill(incident, responder, 1)
        make_scope(incident, actor=responder)
        clock.shift(dt.timedelta(days=3))

        assert selectors.record_quality(Case(incident)) == {
            "claims": 4,
            "with_evidence": 3,
            "evidence_percent": 75,
            "provisional": 1,
            "open_unknowns": 1,
            "overdue_unknowns": 1,
        }

    def test_counts_as_provisional_what_the_claims_themselves_say(
        self, incident, responder
    ):
        """R-EV-04: a later summary, a mention and a withdrawn link prove nothing."""
        fill(incident, responder, 2)
        later = make_evidence(incident, actor=responder, is_original=False)
        named = make_evidence(
            incident, actor=responder, url="", description="In the archive"
        )
        for weak in (later, named):
            make_scope(incident, actor=responder, evidence=[weak])

        rows = [
            row
            for model in selectors.claim_models()
            for row in model.objects.filter(incident=incident, retracted_at=None)
        ]
        counted = selectors.record_quality(Case(incident))
        assert counted["provisional"] == sum(row.is_provisional for row in rows) == 2
        assert counted["with_evidence"] == sum(bool(row.evidence) for row in rows)

    def test_a_share_of_nothing_is_not_zero(self, incident):
        """R-MT-04"""
        assert selectors.record_quality(Case(incident))["evidence_percent"] is None

    def test_stands_on_the_page_of_the_findings(self, incident, responder, client):
        """R-MT-04"""
        fill(incident, responder, 1)
        refresh_findings(incident.pk)
        client.force_login(responder)

        page = client.get(f"/incidents/{incident.key}/findings/").content.decode()
        assert "How well the record is proven" in page
        assert "3 of 3 (100 %)" in page
        assert "not measured: it needs the times of the first alert" in page


class TestNextStep:
    def test_names_the_first_thing_that_holds_the_status_back(self, incident):
        text = selectors.next_step(incident, selectors.findings(incident))
        assert "Customer recovery is not recorded" in text

    def test_of_a_cancelled_incident_is_nothing(self, incident, commander):
        made = lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="false alarm"
        )
        assert selectors.next_step(made, selectors.findings(made)) == ""


class TestPolicy:
    def test_follows_the_severity(self, commander):
        """R-RV-07"""
        made = make_incident(actor=commander, severity="SEV3")
        assert selectors.policy(made).gap_minutes == 30
