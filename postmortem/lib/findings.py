"""The linter of post-mortems: checks look at a case and yield findings.

A check is a function registered with `@check("TL003", ...)`. It yields `Problem`s; the
engine turns them into `Finding`s. Ids are a requirement group plus three digits, carry
no severity and are never reused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from django.utils import timezone

from postmortem.lib.canonical import digest

if TYPE_CHECKING:
    from incidents.models import Incident

T = TypeVar("T")


class Level(StrEnum):
    """ERROR blocks closing; WARNING and INFO are accepted by one person."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        return ("error", "warning", "info").index(self.value)


class Row(StrEnum):
    """The six rows of the closure checklist (R-CK-01 to R-CK-06)."""

    TIMELINE = "timeline"
    RCA = "rca"
    IMPACT = "impact"
    ACTIONS = "actions"
    CONTROLS = "controls"
    BLAMELESS = "blameless"


class Gate(StrEnum):
    """A transition that an open ERROR of a check holds back."""

    STABILIZE = "stabilize"
    ALL_CLEAR = "all_clear"
    CLOSE = "close"


class Subject(Protocol):
    """What a finding is about: a row of the case with a ref and a page."""

    @property
    def ref(self) -> str: ...

    def get_absolute_url(self) -> str: ...


# How long a result holds while nothing is recorded and no date passes: words such as
# '3 d overdue' move, and so may what lies outside the record (files, teams, policies).
HOLDS = timedelta(days=1)
# In the first day after a date the words count hours.
HOLDS_WHEN_JUST_LATE = timedelta(hours=1)


class Case:
    """One incident as the checks see it: reads are done once and kept.

    `case.load(selector)` calls `selector(incident)` the first time only, so that all
    checks together cost one query per selector, whatever their number. known: what the
    caller has read already, by selector.
    """

    def __init__(
        self,
        incident: Incident,
        *,
        now: datetime | None = None,
        known: Mapping[Callable[..., Any], Any] | None = None,
    ) -> None:
        self.incident = incident
        self.now = now or timezone.now()
        self._loaded: dict[Callable[..., Any], Any] = dict(known or {})
        self._dates: set[datetime] = set()

    def load(self, selector: Callable[..., T], **facts: Any) -> T:
        """What `selector(incident)` gives; facts: what it need not read itself."""
        if selector not in self._loaded:
            self._loaded[selector] = selector(self.incident, **facts)
        kept: T = self._loaded[selector]
        return kept

    def reached(self, moment: datetime) -> bool:
        """Whether `moment` has come. A check compares with the clock only by this, so
        that the case knows when its findings change with nobody doing anything."""
        self._dates.add(moment)
        return moment <= self.now

    @property
    def next_due(self) -> datetime:
        """When the checks have to run again at the latest: at the next date that one of
        them waits for, and once a day."""
        found = [moment for moment in self._dates if moment > self.now]
        if any(self.now - HOLDS < moment <= self.now for moment in self._dates):
            found.append(self.now + HOLDS_WHEN_JUST_LATE)
        return min([*found, self.now + HOLDS])


@dataclass(frozen=True)
class Problem:
    """What a check found: a sentence, its subject, and the one thing to do about it.

    subject: the row it is about, or None for the incident as a whole.
    fix_label: words of the one fix link; url: where it leads (default: the subject).
    inputs: the values that the judgement rests on; a waiver lapses when they change.
    """

    message: str
    subject: Subject | None = None
    hint: str = ""
    fix_label: str = "Open"
    url: str = ""
    owner_label: str = ""
    inputs: tuple[Any, ...] = ()
    level: Level | None = None


@dataclass(frozen=True)
class Finding:
    """One open point of a case. `key` identifies it for waivers (decision 10)."""

    id: str
    level: Level
    message: str
    hint: str = ""
    subject_ref: str = ""
    subject_label: str = ""
    url: str = field(default="", compare=False)
    fix_label: str = field(default="Open", compare=False)
    owner_label: str = field(default="", compare=False)
    key: str = field(default="", compare=False)
    row: Row | None = field(default=None, compare=False)
    gates: tuple[Gate, ...] = field(default=(), compare=False)
    waivable: bool = field(default=False, compare=False)
    accepted_by: str = field(default="", compare=False)

    @property
    def is_blocking(self) -> bool:
        """An ERROR that no approved waiver covers."""
        return self.level is Level.ERROR and not self.accepted_by

    @property
    def is_open(self) -> bool:
        return not self.accepted_by


@dataclass(frozen=True)
class Check:
    """A registered check: its id, reason and place, and the function that looks."""

    id: str
    title: str
    reason: str
    level: Level
    requirements: tuple[str, ...]
    row: Row | None
    gates: tuple[Gate, ...]
    waivable: bool
    tab: str
    function: Callable[[Case], Iterable[Problem]]


def findings_block(number: int) -> str:
    """The one wording of how many findings hold something back."""
    return "1 finding blocks" if number == 1 else f"{number} findings block"


def of_tab(found: Iterable[Finding], tab: str) -> list[Finding]:
    """Those of `found` whose check belongs to this page ('Root cause')."""
    return [f for f in found if f.id in REGISTRY and REGISTRY[f.id].tab == tab]


_ID = re.compile(r"^[A-Z]{2,3}\d{3}$")
REGISTRY: dict[str, Check] = {}

CheckFunction = Callable[[Case], Iterable[Problem]]


def check(
    check_id: str,
    title: str,
    *,
    level: Level,
    requirements: tuple[str, ...],
    tab: str,
    row: Row | None = None,
    gates: tuple[Gate, ...] = (),
    waivable: bool = False,
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check. Its docstring is the reason that docs/checks.md prints.

    tab: the page a finding belongs to, in words ('Timeline').
    gates: transitions held back besides closing, which every open ERROR holds back.
    waivable: an ERROR that two people may accept with reason and expiry.
    """

    def register(function: CheckFunction) -> CheckFunction:
        if not _ID.match(check_id):
            raise ValueError(
                f"{check_id!r} is not a requirement group and three digits"
            )
        if check_id in REGISTRY:
            raise ValueError(f"check id {check_id} is registered twice")
        if not function.__doc__:
            raise ValueError(f"check {check_id} has no docstring that gives its reason")
        REGISTRY[check_id] = Check(
            id=check_id,
            title=title,
            reason=" ".join(function.__doc__.split()),
            level=level,
            requirements=requirements,
            row=row,
            gates=gates,
            waivable=waivable,
            tab=tab,
            function=function,
        )
        return function

    return register


def run_checks(
    case: Case, *, only: Callable[[Check], bool] = lambda _: True
) -> list[Finding]:
    """All findings of a case, worst first, then by id and subject."""
    found = [
        finding
        for item in REGISTRY.values()
        if only(item)
        for finding in _findings_of(item, case)
    ]
    return sorted(found, key=lambda f: (f.level.rank, f.id, _ref_order(f.subject_ref)))


def _findings_of(item: Check, case: Case) -> Iterator[Finding]:
    for problem in item.function(case):
        subject = problem.subject
        ref = subject.ref if subject else ""
        yield Finding(
            id=item.id,
            level=problem.level or item.level,
            message=problem.message,
            hint=problem.hint,
            subject_ref=ref,
            subject_label=f"{item.tab} · {ref}" if ref else item.tab,
            url=problem.url
            or (
                subject.get_absolute_url()
                if subject
                else case.incident.get_absolute_url()
            ),
            fix_label=problem.fix_label,
            owner_label=problem.owner_label,
            key=digest([item.id, ref, list(problem.inputs)]),
            row=item.row,
            gates=item.gates,
            waivable=item.waivable,
        )


def _ref_order(ref: str) -> tuple[str, int]:
    prefix, _, number = ref.rpartition("-")
    return (prefix, int(number)) if number.isdecimal() else (ref, 0)
