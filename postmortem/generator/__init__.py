"""Generated installations: plausible cases in any number, the same for the same seed.

Each case is told in a `Book`, with the functions that the services use for history,
digests, chain and seal, and many books are stored together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid5

from django.core.files.base import ContentFile
from django.db import connection, models, transaction

from incidents.models import FindingSnapshot, Incident, StoredFile
from incidents.services.files import keep_file
from incidents.services.findings import refresh_findings
from postmortem.generator import aftermath, extras, followup, response
from postmortem.generator.book import Book
from postmortem.generator.people import NAMESPACE, Staff, hire
from postmortem.generator.plans import Plan, plans
from postmortem.generator.response import Tale
from postmortem.generator.texts import FAULTS, PROVIDERS
from postmortem.lib.bulk import Keys, load

Status = Incident.Status
# How many rows are held in memory before they are stored.
BATCH = 40_000
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


def generate(order: Order, say: Callable[[str], None], *, force: bool = False) -> None:
    """Fill the database. Occupied if it holds incidents and `force` is not given, or
    incidents of the same seed in any case."""
    if Incident.objects.exists() and not force:
        raise Occupied(
            "This database holds incidents. Generated ones would stand among them for "
            "good; use another database, or --force."
        )
    if Incident.objects.filter(uuid=_uuid(order.seed, 0)).exists():
        raise Occupied(f"Seed {order.seed} was generated here already; take another.")
    keys = Keys()
    cases = plans(
        incidents=order.incidents,
        entries=order.entries,
        seed=order.seed,
        until=order.until,
    )
    with transaction.atomic():
        staff = hire(
            seed=order.seed,
            since=cases[0].began_at - timedelta(days=30),
            keys=keys,
        )
        files = list(_files(order.seed, keys))
        keys.settle()
    say(f"{len(staff.everybody)} people who cannot sign in, {len(files)} files")
    first = (Incident.objects.aggregate(last=models.Max("number"))["last"] or 0) + 1
    for told in _store(_books(order, cases, staff, files, keys, first), keys):
        say(f"{told:,} of {order.incidents:,} incidents stored")
    with transaction.atomic():
        extras.load_extras(order.seed, staff, keys, order.until)
        keys.settle()
    _analyze()
    open_ones = _unchecked()
    say(f"running the checks on {len(open_ones):,} incidents that are not settled")
    for pk in open_ones:
        refresh_findings(pk)


def _uuid(seed: int, index: int) -> Any:
    return uuid5(NAMESPACE, f"{seed}/{index}")


def _files(seed: int, keys: Keys) -> Iterator[StoredFile]:
    for number in range(20):
        lines = (f"{seed} {number} line {line} status=timeout\n" for line in range(200))
        kept = keep_file(ContentFile("".join(lines).encode(), name="log-export.txt"))
        row = StoredFile.objects.filter(sha256=kept.sha256).first()
        if row is None:
            row = StoredFile(sha256=kept.sha256, size=kept.size, path=kept.path)
            row.pk = keys.next(StoredFile)
            load({StoredFile: [row]})
        yield row


def _books(
    order: Order,
    cases: list[Plan],
    staff: Staff,
    files: list[StoredFile],
    keys: Keys,
    first: int,
) -> Iterator[Book]:
    handles = staff.handles
    for plan in cases:
        yield _told(order, plan, staff, files, keys, first + plan.index, handles).book


def _told(
    order: Order,
    plan: Plan,
    staff: Staff,
    files: list[StoredFile],
    keys: Keys,
    number: int,
    handles: dict[int, str],
) -> Tale:
    """One case from declaration to where its plan ends."""
    rng = Random(f"{order.seed}/{plan.index}")
    cast = staff.cast(rng)
    provider = rng.choice(PROVIDERS)
    kind, title = rng.choice(FAULTS)
    declared_at = plan.began_at + (plan.ended_at - plan.began_at) * 0.08
    incident = Incident(
        uuid=_uuid(order.seed, plan.index),
        number=number,
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
    tale = Tale(plan, Book(incident, keys), cast, rng, provider, files)
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
        present = aftermath.close(tale, handles)
        if followup.is_settled(actions):
            aftermath.snapshot(tale, present, order.until)
    else:
        aftermath.accept_a_finding(tale)
    return tale


def _store(books: Iterator[Book], keys: Keys) -> Iterator[int]:
    """Store books in batches; yields how many are stored."""
    pending: dict[type[models.Model], list[models.Model]] = defaultdict(list)
    held = told = 0

    def flush() -> None:
        with transaction.atomic():
            load(pending)
            keys.settle()
        pending.clear()

    for book in books:
        told += 1
        for model, rows in book.rows.items():
            pending[model] += rows
            held += len(rows)
        if held > BATCH:
            flush()
            held = 0
            yield told
    flush()
    yield told


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
