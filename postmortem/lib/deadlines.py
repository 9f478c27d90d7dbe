"""Deadlines: what is due, when, to whom. *My work* and the one chaser task read the
same list; each app registers a provider for its own records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.models import User
    from incidents.models import Incident


@dataclass(frozen=True)
class Deadline:
    """One thing due. `key` is stable: a reminder goes out at most once per
    (key, step, recipient). `due_at` is aware. A late one reaches `escalate_to`,
    which the list of everybody knows."""

    key: str
    kind: str
    title: str
    due_at: datetime
    owner: User | None
    incident: Incident
    url: str
    ref: str
    detail: str = ""
    escalate_to: User | None = None

    def is_overdue(self, now: datetime) -> bool:
        return self.due_at < now

    @property
    def is_approval(self) -> bool:
        """Whether it is somebody's approval that is due."""
        return _is_approval(self.kind)


def _is_approval(kind: str) -> bool:
    return kind.endswith("approval")


Provider = Callable[["User | None"], Iterable[Deadline]]
PROVIDERS: dict[str, Provider] = {}


def deadlines(*kinds: str) -> Callable[[Provider], Provider]:
    """Register a provider of these kinds. It takes a user (only theirs) or None
    (everybody's)."""

    def register(function: Provider) -> Provider:
        for kind in kinds:
            if kind in PROVIDERS:
                raise ValueError(f"deadline kind {kind} is registered twice")
            PROVIDERS[kind] = function
        return function

    return register


def all_deadlines(user: User | None = None) -> list[Deadline]:
    """Every open deadline, soonest first."""
    providers = dict.fromkeys(PROVIDERS.values())
    found = [item for provider in providers for item in provider(user)]
    return sorted(found, key=lambda item: (item.due_at, item.key))


def incidents_to_approve(user: User) -> set[int]:
    """Ids of the incidents in which an approval waits for this person."""
    providers = {made for kind, made in PROVIDERS.items() if _is_approval(kind)}
    found = (item for provider in providers for item in provider(user))
    return {item.incident.pk for item in found if item.is_approval}
