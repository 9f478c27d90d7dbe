"""What kind of incidents there are: how many entries, when, how severe, how far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, cycle
from random import Random

from incidents.models import Incident, Severity

Status = Incident.Status
# Large timelines: entries, the share of incidents, and at most of all entries.
LARGE = ((5000, 1 / 2500, 0.05), (2000, 1 / 500, 0.10))
SMALLEST, USUAL = 20, (20, 60)
YEARS = 3
# The newest twentieth stands in every status, in this proportion.
NEWEST = (
    Status.IN_REVIEW,
    Status.STABILIZED,
    Status.CLOSED,
    Status.IN_REVIEW,
    Status.CANCELLED,
    Status.STABILIZED,
    Status.IN_REVIEW,
    Status.ACTIVE,
)
SEVERITIES = {
    Severity.SEV1: 4,
    Severity.SEV2: 16,
    Severity.SEV3: 45,
    Severity.SEV4: 25,
    Severity.SEV5: 10,
}
PACE = timedelta(minutes=2, seconds=20)
LONGEST = timedelta(days=6)


@dataclass(frozen=True)
class Plan:
    """One incident to be told. before: the entries of all incidents before it."""

    index: int
    entries: int
    before: int
    status: Status
    severity: Severity
    began_at: datetime
    ended_at: datetime


def plans(*, incidents: int, entries: int, seed: int, until: datetime) -> list[Plan]:
    """Every incident in the order of its number; the entries add up exactly."""
    rng = Random(f"{seed}/plans")
    sizes = _sizes(incidents, entries, rng)
    newest = min(incidents, max(len(NEWEST), incidents // 20))
    # One of each large size stands in review, where people still add to it.
    reviewed = (at for at, status in enumerate(NEWEST) if status == Status.IN_REVIEW)
    for at, (size, _, _) in zip(reviewed, LARGE, strict=False):
        if size in sizes:
            here, there = incidents - newest + at, sizes.index(size)
            sizes[here], sizes[there] = sizes[there], sizes[here]
    found = []
    for position, size in enumerate(sizes):
        status = _status(position - (incidents - newest), rng)
        lasted = min(PACE * size, LONGEST)
        if status == Status.ACTIVE:
            began = until - lasted - timedelta(minutes=rng.randrange(4, 9))
        elif status == Status.STABILIZED:
            began = until - lasted - timedelta(minutes=rng.randrange(240, 4000))
        elif position >= incidents - newest:
            days = rng.randrange(24, 45) if status == Status.CLOSED else 15
            began = until - lasted - timedelta(days=days, minutes=rng.randrange(8000))
        else:
            share = 1 - (position + rng.random()) / max(1, incidents - newest)
            began = until - timedelta(days=46 + share * 365 * YEARS)
            began = began.replace(microsecond=0) - lasted
        severity = rng.choices(list(SEVERITIES), list(SEVERITIES.values()))[0]
        found.append((began, size, status, severity, lasted))
    found.sort(key=lambda item: item[0])
    before = accumulate((item[1] for item in found), initial=0)
    return [
        Plan(index, size, next(before), status, severity, began, began + lasted)
        for index, (began, size, status, severity, lasted) in enumerate(found)
    ]


def _status(place: int, rng: Random) -> Status:
    """place: among the newest, from 0; negative: older."""
    if place >= 0:
        return NEWEST[place % len(NEWEST)]
    if rng.random() < 0.03:
        return Status.CANCELLED
    return Status.IN_REVIEW if rng.random() < 0.01 else Status.CLOSED


def _sizes(incidents: int, entries: int, rng: Random) -> list[int]:
    if entries < incidents * SMALLEST:
        raise ValueError(
            f"{incidents} incidents take at least {incidents * SMALLEST} entries."
        )
    large: list[int] = []
    for size, share, most in LARGE:
        count = min(int(incidents * share), int(entries * most / size))
        large += [size] * count
    if entries - sum(large) < (incidents - len(large)) * SMALLEST:
        large = []
    left, others = entries - sum(large), incidents - len(large)
    sizes = [rng.randrange(*USUAL) for _ in range(others)]
    # The sum is to be exact: what is missing or too much is spread evenly.
    off = left - sum(sizes)
    for at in cycle(range(others)):
        if not off:
            break
        step = max(-1, min(1, off)) * max(1, abs(off) // others)
        size = max(SMALLEST, sizes[at] + step)
        off -= size - sizes[at]
        sizes[at] = size
    sizes += large
    rng.shuffle(sizes)
    return sizes
