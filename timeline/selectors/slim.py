"""An entry and a milestone as the analysis reads them: what it asks of a row, and rows
that hold no more than that, for timelines of thousands of entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from timeline.models import Entry, Milestone


class EntryLike(Protocol):
    """An `Entry`, or a `SlimEntry`. Times are aware."""

    @property
    def pk(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def ref(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def occurred_at(self) -> datetime | None: ...
    @property
    def occurred_until(self) -> datetime | None: ...
    @property
    def precision(self) -> str: ...
    @property
    def position(self) -> int | None: ...
    @property
    def lane_id(self) -> int | None: ...
    @property
    def owner_id(self) -> int | None: ...
    @property
    def dependency_id(self) -> int | None: ...
    @property
    def observed_signal(self) -> str: ...
    @property
    def action_taken(self) -> str: ...
    @property
    def headline(self) -> str: ...
    @property
    def is_retracted(self) -> bool: ...
    @property
    def is_provisional(self) -> bool: ...
    @property
    def cites_change(self) -> bool: ...


E = TypeVar("E", bound=EntryLike)
E_co = TypeVar("E_co", bound=EntryLike, covariant=True)


class MilestoneLike(Protocol[E_co]):
    """A `Milestone` of entries, or a `SlimMilestone` of slim ones."""

    @property
    def pk(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def entry(self) -> E_co | None: ...
    @property
    def not_applicable(self) -> bool: ...
    @property
    def is_marked(self) -> bool: ...


AnyMilestone = MilestoneLike[EntryLike]
M = TypeVar("M", bound=AnyMilestone)


@dataclass(slots=True)
class SlimEntry:
    """An entry without its row and most of its texts."""

    pk: int
    number: int
    kind: str
    occurred_at: datetime | None
    occurred_until: datetime | None
    precision: str
    position: int | None
    lane_id: int | None
    owner_id: int | None
    dependency_id: int | None
    observed_signal: str
    action_taken: str
    retracted_at: datetime | None
    owner_title: str | None
    owner_name: str | None
    is_proven: bool
    is_cited: bool
    cites_change: bool
    live_milestones: list[SlimMilestone] = field(default_factory=list)

    @property
    def is_retracted(self) -> bool:
        return self.retracted_at is not None

    @property
    def is_provisional(self) -> bool:
        return not self.is_proven

    @property
    def owner_label(self) -> str:
        return self.owner_title or self.owner_name or f"Person {self.owner_id}"

    @property
    def rests_on_later_summary(self) -> bool:
        """It cites something, but nothing that proves."""
        return self.is_cited and not self.is_proven

    @property
    def ref(self) -> str:
        return f"{Entry.prefix}-{self.number}"

    @property
    def headline(self) -> str:
        if self.kind in {Entry.Kind.SIGNAL, Entry.Kind.NO_RECORD}:
            return self.observed_signal or self.action_taken
        return self.action_taken or self.observed_signal


@dataclass(slots=True)
class SlimMilestone:
    """A milestone without its row; it is known by its number."""

    number: int
    kind: str
    entry: SlimEntry | None
    not_applicable: bool
    reason: str
    is_marked: bool

    @property
    def label(self) -> str:
        return Milestone.Kind(self.kind).label

    @property
    def ref(self) -> str:
        return f"{Milestone.prefix}-{self.number}"

    @property
    def pk(self) -> int:
        return self.number
