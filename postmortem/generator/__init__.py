"""Generated installations: plausible cases in any number, the same for the same seed.

Each case is told in a `Book`, with the functions that the services use for history,
digests, chain and seal. Words, times and primary keys of a case follow from the order
and its plan alone, so several processes tell cases side by side.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from multiprocessing import get_context
from random import Random
from typing import Any
from uuid import uuid5

from django.core.files.base import ContentFile
from django.db import connection, connections, models, transaction

from incidents.models import FindingSnapshot, Incident, StoredFile
from incidents.services.files import keep_file
from incidents.services.findings import refresh_findings
from postmortem.generator import aftermath, extras, followup, response
from postmortem.generator.book import Book
from postmortem.generator.people import NAMESPACE, Staff, hire
from postmortem.generator.plans import Plan, plans
from postmortem.generator.response import Tale
from postmortem.generator.texts import FAULTS, PROVIDERS
from postmortem.lib.bulk import highest_key, load, settle

Status = Incident.Status
# How many cases are held in memory before they are stored.
BATCH = 50
# Primary keys set aside for staff and files, for a case, and for each of its entries.
STAFF_KEYS, CASE_KEYS, ENTRY_KEYS = 10_000, 500, 10
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Singapore")


class Occupied(Exception):
    """The database holds what a generator must not mix with."""


@dataclass(frozen=True)
class Order:
    """What to generate. until: the newest moment, in UTC; nothing lies after it."""

    incidents: int
    entries: int
    seed: int
    until: datetime


@dataclass(frozen=True)
class Ground:
    """What all cases of an order share. keys, numbers: the first that are free."""

    order: Order
    staff: Staff
    files: list[StoredFile]
    keys: int
    numbers: int

    def keys_of(self, plan: Plan) -> Iterator[int]:
        first = self.keys + plan.index * CASE_KEYS + plan.before * ENTRY_KEYS
        return iter(range(first, first + CASE_KEYS + plan.entries * ENTRY_KEYS))


def generate(
    order: Order,
    say: Callable[[str], None],
    *,
    force: bool = False,
    processes: int = 1,
) -> None:
    """Fill the database. Occupied if it holds incidents and `force` is not given, or
    incidents of the same seed in any case."""
    if processes > 1 and connection.vendor != "postgresql":
        raise ValueError("Several processes take PostgreSQL.")
    if Incident.objects.exists() and not force:
        raise Occupied(
            "This database holds incidents. Generated ones would stand among them for "
            "good; use another database, or --force."
        )
    if Incident.objects.filter(uuid=_uuid(order.seed, 0)).exists():
        raise Occupied(f"Seed {order.seed} was generated here already; take another.")
    cases = plans(
        incidents=order.incidents,
        entries=order.entries,
        seed=order.seed,
        until=order.until,
    )
    first = highest_key() + 1
    last_number = Incident.objects.aggregate(last=models.Max("number"))["last"] or 0
    keys = iter(range(first, first + STAFF_KEYS))
    try:
        with transaction.atomic():
            since = cases[0].began_at - timedelta(days=30)
            staff = hire(seed=order.seed, since=since, keys=keys)
            files = list(_files(order.seed, keys))
        say(f"{len(staff.everybody)} people who cannot sign in, {len(files)} files")
        ground = Ground(order, staff, files, first + STAFF_KEYS, last_number + 1)
        with _side_by_side(processes) as each:
            stored = 0
            for told in each(partial(_store, ground), _slices(cases)):
                stored += told
                say(f"{stored:,} of {order.incidents:,} incidents stored")
        with transaction.atomic():
            extras.load_extras(order.seed, staff, count(highest_key() + 1), order.until)
    finally:
        settle()
    _analyze()
    open_ones = _unchecked()
    say(f"running the checks on {len(open_ones):,} incidents that are not settled")
    with _side_by_side(processes) as each:
        for _ in each(_check, _slices(open_ones)):
            pass


@contextmanager
def _side_by_side(processes: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """`map`, here or in several processes with database connections of their own."""
    if processes == 1:
        yield map
        return
    connections.close_all()
    gc.freeze()  # what is there stays: no collection in a child looks through it
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        yield pool.map


def _slices(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[at : at + BATCH] for at in range(0, len(items), BATCH)]


def _uuid(seed: int, index: int) -> Any:
    return uuid5(NAMESPACE, f"{seed}/{index}")


def _files(seed: int, keys: Iterator[int]) -> Iterator[StoredFile]:
    for number in range(20):
        lines = (f"{seed} {number} line {line} status=timeout\n" for line in range(200))
        kept = keep_file(ContentFile("".join(lines).encode(), name="log-export.txt"))
        row = StoredFile.objects.filter(sha256=kept.sha256).first()
        if row is None:
            row = StoredFile(sha256=kept.sha256, size=kept.size, path=kept.path)
            row.pk = next(keys)
            load({StoredFile: [row]})
        yield row


def _store(ground: Ground, cases: Sequence[Plan]) -> int:
    """Tell cases and store them in one transaction; how many they were."""
    rows: dict[type[models.Model], list[Any]] = defaultdict(list)
    for plan in cases:
        for model, made in _told(ground, plan).book.rows.items():
            rows[model] += made
    with transaction.atomic():
        load(rows)
    return len(cases)


def _told(ground: Ground, plan: Plan) -> Tale:
    """One case from declaration to where its plan ends."""
    seed = ground.order.seed
    rng = Random(f"{seed}/{plan.index}")
    cast = ground.staff.cast(rng)
    provider = rng.choice(PROVIDERS)
    kind, title = rng.choice(FAULTS)
    declared_at = plan.began_at + (plan.ended_at - plan.began_at) * 0.08
    incident = Incident(
        uuid=_uuid(seed, plan.index),
        number=ground.numbers + plan.index,
        title=title.format(provider=provider),
        severity=plan.severity,
        kind=kind,
        is_drill=rng.random() < 0.03,
        is_restricted=plan.index % 50 == 0,
        clock_zone=rng.choice(ZONES),
        declared_at=declared_at.replace(microsecond=0),
        declared_by=cast.commander,
        created_at=declared_at,
    )
    book = Book(incident, ground.keys_of(plan))
    tale = Tale(plan, book, cast, rng, provider, ground.files)
    response.declare(tale)
    response.respond(tale)
    if plan.status == Status.CANCELLED:
        response.cancel(tale)
        return tale
    response.describe(tale)
    if plan.status == Status.ACTIVE:
        return tale
    response.stabilize(tale)
    aftermath.assess(tale)
    if plan.status == Status.STABILIZED:
        return tale
    aftermath.give_all_clear(tale)
    review = aftermath.open_review(tale)
    causes, mode = aftermath.analyze(tale)
    aftermath.write_review(tale, review)
    actions = followup.act(tale, causes, mode)
    if plan.status == Status.CLOSED:
        present = aftermath.close(tale, ground.staff.handles)
        if followup.is_settled(actions):
            aftermath.snapshot(tale, present, ground.order.until)
    else:
        aftermath.accept_a_finding(tale)
    return tale


def _check(incidents: Iterable[int]) -> None:
    for pk in incidents:
        refresh_findings(pk)


def _unchecked() -> list[int]:
    stored = FindingSnapshot.objects.values("incident")
    return list(
        Incident.objects.exclude(pk__in=stored)
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _analyze() -> None:
    """Tell the planner what the tables hold, before anybody asks."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
