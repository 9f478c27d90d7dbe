"""What would settle a provisional cause or failure mode, inside their services."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import User
from incidents.models import Claim, KnownUnknown
from incidents.services.core import shown
from incidents.services.unknowns import state_known_unknown_for
from postmortem.lib.persistence import save
from postmortem.lib.words import shortened

UNKNOWN_FIELDS = ("missing_check", "owner", "due_at")


def question_of(text: str) -> str:
    """The question of a known unknown, in one line of its 300 characters."""
    return shortened(f"Is it so: {text}", 300)


def state_unknown(
    row: Claim,
    moved: dict[str, list[Any]],
    *,
    actor: User,
    question: str,
    missing_check: str,
    owner: User | None,
    due_at: datetime | None,
    why_it_matters: str = "",
) -> KnownUnknown:
    """State or reword the known unknown of a row. Another check, owner or deadline is
    another version of the row too, so that nobody overwrites one unseen.

    moved: what `change_record` returned; it tells of this too.
    """
    known = row.known_unknown
    before = _said(known)
    unknown = state_known_unknown_for(
        row,
        actor=actor,
        question=question,
        missing_check=missing_check,
        owner=owner,
        due_at=due_at,
        why_it_matters=why_it_matters,
    )
    after = _said(unknown)
    change = {name: [before[name], after[name]] for name in after}
    change = {name: pair for name, pair in change.items() if pair[0] != pair[1]}
    if change and unknown == known and not moved:  # a new one was saved with its row
        save(row, actor=actor)
    moved |= change
    return unknown


def _said(unknown: KnownUnknown | None) -> dict[str, Any]:
    names = ("question", "why_it_matters", *UNKNOWN_FIELDS)
    return {
        "known_unknown": unknown and unknown.ref,
        **{name: shown(getattr(unknown, name, None)) for name in names},
    }
