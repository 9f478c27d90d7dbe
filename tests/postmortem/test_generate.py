"""Generated installations: whole, true to the chain, the same for the same seed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from accounts.models import ApiToken, User
from incidents import selectors
from incidents.activity import verify
from incidents.models import FindingSnapshot, Incident, Notification
from incidents.services.cases import case_bytes
from postmortem import generator
from postmortem.generator import Order, generate
from postmortem.generator.plans import plans
from timeline.models import Entry

OURS = ("accounts", "incidents", "timeline", "rca", "actions", "review")
UNTIL = datetime(2026, 3, 17, tzinfo=UTC)
SMALL = Order(incidents=14, entries=300, seed=7, until=UNTIL)


def run(order: Order = SMALL, **options: Any) -> None:
    generate(order, lambda text: None, **options)


def run_apart() -> None:
    """In two processes, from a thread that has no connection yet. While a browser of an
    earlier test keeps its event loop, Django keeps two sets of connections here, and
    the children would share the one that is not closed before they start."""
    try:
        run(processes=2)
    finally:
        connections.close_all()


@pytest.fixture
def generated(db) -> None:
    run()


class TestGenerate:
    def test_has_the_numbers_that_were_asked_for_in_every_status(
        self, generated
    ) -> None:
        assert Incident.objects.count() == 14
        assert Entry.objects.count() == 300
        assert set(Incident.objects.values_list("status", flat=True)) == set(
            Incident.Status
        )

    def test_fills_every_table_history_and_chain_included(self, generated) -> None:
        empty = [
            model._meta.label
            for model in apps.get_models()
            if model._meta.app_label in OURS and not model._default_manager.exists()
        ]
        assert empty == []

    def test_gives_a_chain_and_a_history_that_verify_finds_whole(
        self, generated
    ) -> None:
        assert [
            (incident.key, breach)
            for incident in Incident.objects.all()
            for breach in verify(incident)
        ] == []

    def test_stores_the_findings_that_the_checks_find(self, generated) -> None:
        assert FindingSnapshot.objects.count() == 14
        for incident in Incident.objects.exclude(status="closed"):
            found = selectors.findings(incident, incident.snapshot.computed_at)
            assert [row["id"] for row in incident.snapshot.findings] == [
                finding.id for finding in found
            ]

    def test_closes_only_what_could_be_closed(self, generated) -> None:
        closed = Incident.objects.filter(status="closed")
        assert closed.count() >= 6
        for incident in closed:
            found = selectors.findings(incident)
            assert [finding for finding in found if finding.is_blocking] == []
            present = selectors.content_hash(incident, fresh=True)
            assert incident.snapshot.content_hash == present
            assert incident.snapshot.blocking == 0

    def test_gives_nobody_a_way_in_and_sends_nothing(self, generated) -> None:
        assert not any(user.has_usable_password() for user in User.objects.all())
        assert not ApiToken.objects.filter(revoked_at=None).exists()
        assert not Notification.objects.filter(state=Notification.State.QUEUED).exists()

    def test_gives_the_same_rows_for_the_same_seed(self, db) -> None:
        def rows() -> list[tuple[str, bytes]]:
            with transaction.atomic():
                run()
                found = [
                    (i.activity_head, case_bytes(i)) for i in Incident.objects.all()
                ]
                transaction.set_rollback(True)
            return found

        first = rows()
        assert len(first) == 14
        assert rows() == first

    @pytest.mark.postgres
    @pytest.mark.django_db(transaction=True)
    def test_gives_the_same_rows_in_several_processes(self, monkeypatch) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("several processes take PostgreSQL")

        def heads() -> dict[str, str]:
            found = Incident.objects.values_list("uuid", "activity_head")
            return {str(uuid): head for uuid, head in found}

        with transaction.atomic():
            run()
            alone = heads()
            transaction.set_rollback(True)
        assert not Incident.objects.exists()
        monkeypatch.setattr(generator, "BATCH", 4)
        with ThreadPoolExecutor(1) as thread:
            thread.submit(run_apart).result()
        assert heads() == alone
        assert FindingSnapshot.objects.count() == 14
        # What is written next does not meet a key that is taken.
        Notification.objects.create(
            recipient=User.objects.earliest("pk"), kind="x", dedupe_key="next"
        )

    def test_gives_other_rows_for_another_seed(self, generated) -> None:
        generate(
            Order(incidents=8, entries=160, seed=8, until=UNTIL),
            lambda text: None,
            force=True,
        )
        assert Incident.objects.count() == 22
        assert User.objects.filter(handle__endswith=".8@generated.example").exists()


class TestPlans:
    def test_add_up_to_the_entries_with_a_few_large_timelines(self) -> None:
        found = plans(incidents=2500, entries=125_000, seed=1, until=UNTIL)
        sizes = [plan.entries for plan in found]
        assert sum(sizes) == 125_000
        assert (sizes.count(5000), sizes.count(2000)) == (1, 5)
        assert sum(20 <= size <= 60 for size in sizes) > 2200

    def test_have_no_large_timeline_where_each_has_the_least(self) -> None:
        found = plans(incidents=2500, entries=50_000, seed=1, until=UNTIL)
        assert {plan.entries for plan in found} == {20}

    def test_leave_one_of_each_large_size_in_review(self) -> None:
        found = plans(incidents=2500, entries=125_000, seed=1, until=UNTIL)
        reviewed = {plan.entries for plan in found if plan.status == "in_review"}
        assert {2000, 5000} <= reviewed

    def test_count_the_entries_before_each(self) -> None:
        found = plans(incidents=14, entries=300, seed=7, until=UNTIL)
        assert [plan.before for plan in found] == [
            sum(other.entries for other in found[: plan.index]) for plan in found
        ]

    def test_lie_before_the_given_moment(self) -> None:
        found = plans(incidents=400, entries=16_000, seed=1, until=UNTIL)
        assert max(plan.ended_at for plan in found) <= UNTIL


class TestCommand:
    def test_refuses_a_database_with_incidents(self, generated) -> None:
        with pytest.raises(CommandError, match="holds incidents"):
            call_command("generate", incidents=8, entries=160, seed=9)

    def test_refuses_a_seed_that_is_there_already(self, generated) -> None:
        with pytest.raises(CommandError, match="Seed 7 was generated here already"):
            call_command("generate", incidents=8, entries=160, seed=7, force=True)

    def test_refuses_several_processes_where_one_may_write(self, db) -> None:
        if connection.vendor == "postgresql":
            pytest.skip("there several may")
        with pytest.raises(CommandError, match="Several processes take PostgreSQL"):
            call_command("generate", incidents=8, entries=160, processes=2)

    def test_refuses_fewer_entries_than_incidents_take(self, db) -> None:
        with pytest.raises(CommandError, match="at least 200 entries"):
            call_command("generate", incidents=10, entries=100)
        assert not Incident.objects.exists()
