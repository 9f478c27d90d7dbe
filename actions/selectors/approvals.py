"""Where the approval of an action stands: what it covers, who may give it, and proof
that it is what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accounts.models import Role, User
from actions.models import ActionApproval, ActionItem, TestRun
from incidents.activity import Breach, also_verifies
from incidents.models import ActivityEntry, Evidence, Incident
from postmortem.lib.canonical import digest

Purpose = ActionApproval.Purpose

State = ActionItem.State

# What the activity says when an approval is given; asking for changes is the same deed
# whatever was to be approved.
APPROVAL_VERBS = {
    Purpose.COMPLETION: "actions.action_approved",
    Purpose.DEFERRAL: "actions.deferral_approved",
}

CHANGES_VERB = "actions.changes_requested"

# States of an approval in which somebody has still to look, or to look again.
OPEN_STATES = frozenset({"waiting", "stale"})


def _plan(action: ActionItem) -> dict[str, Any]:
    """What is to be done, by whom, when, and how it will be proven."""
    return {
        "ref": action.ref,
        "title": action.title,
        "details": action.details,
        "kind": action.kind,
        "timing": action.timing,
        "priority": action.priority,
        "area": action.area,
        "owner": action.owner.handle if action.owner else None,
        "due_at": action.due_at,
        "trade_off": action.trade_off,
        "rollback_path": action.rollback_path,
        "proof_location": action.proof_location,
        "causes": sorted(cause.ref for cause in action.live_causes),
        "failure_modes": sorted(mode.ref for mode in action.live_failure_modes),
        "closure_tests": [
            {
                "ref": test.ref,
                "procedure": test.procedure,
                "pass_condition": test.pass_condition,
                "environment": test.environment,
                "due_at": test.due_at,
            }
            for test in action.live_tests
        ],
    }


def _artifact(item: Evidence) -> dict[str, Any]:
    return {
        "ref": item.ref,
        "sha256": item.sha256,
        "url": item.url,
        "is_original": item.is_original,
        "retracted": item.is_retracted,
    }


def _run_facts(run: TestRun) -> dict[str, Any]:
    return {
        "ref": run.ref,
        "ran_at": run.ran_at,
        "environment": run.environment,
        "outcome": run.outcome,
        "tester": run.tester.handle if run.tester else None,
        "notes": run.notes,
        "sandbox_limit": run.sandbox_limit,
        "evidence": [_artifact(item) for item in run.evidence],
    }


def facts_digest(action: ActionItem, purpose: str) -> str:
    """Digest of what an approval of this purpose covers.

    A completion covers plan, risks, runs and their artifacts. A deferral covers the
    plan alone: runs made while the action waits for its date do not void it.
    """
    facts = _plan(action)
    if purpose == Purpose.COMPLETION:
        facts |= {
            "state": action.state,
            "completed_at": action.completed_at,
            "risk_removed": action.risk_removed,
            "risk_remaining": action.risk_remaining,
            "runs": [
                _run_facts(run) for test in action.live_tests for run in test.live_runs
            ],
        }
    return digest([purpose, facts])


@dataclass(frozen=True)
class SeatState:
    """One seat that has to approve: approved, waiting, stale or changes_requested."""

    seat: str
    label: str
    state: str
    approval: ActionApproval | None = None


@dataclass(frozen=True)
class ApprovalState:
    """Where the approval of an action stands, for one purpose."""

    action: ActionItem
    purpose: str
    seats: tuple[SeatState, ...]

    @cached_property
    def digest(self) -> str:
        """Of the facts as they are now; an approval of other facts is stale."""
        return facts_digest(self.action, self.purpose)

    @property
    def state(self) -> str:
        states = {seat.state for seat in self.seats}
        for name in ("changes_requested", "stale", "waiting"):
            if name in states:
                return name
        return "approved"

    @property
    def is_approved(self) -> bool:
        return self.state == "approved"

    def seat(self, name: str) -> SeatState | None:
        return next((seat for seat in self.seats if seat.seat == name), None)


def approval_purpose(action: ActionItem) -> str:
    """A scheduled action that is not completed waits for its deferral; every other one
    for the approval of its completion."""
    if not action.is_mandatory and action.state != State.COMPLETED:
        return str(Purpose.DEFERRAL)
    return str(Purpose.COMPLETION)


def approval_state(action: ActionItem, purpose: str = "") -> ApprovalState:
    """Whether the approvals of an action hold for its facts as they are now.

    Costs no query on an action that was read with everything; without any approval,
    none on one that was read with its approvals.
    """
    purpose = purpose or approval_purpose(action)
    seats = [ActionApproval.Seat.QUALITY]
    if purpose == Purpose.COMPLETION and action.needs_finance_approval:
        seats.append(ActionApproval.Seat.FINANCE)
    given = [item for item in action.approvals.all() if item.purpose == purpose]
    now = facts_digest(action, purpose) if given else ""
    return ApprovalState(
        action=action,
        purpose=purpose,
        seats=tuple(
            _seat_state(seat, [item for item in given if item.seat == seat], now)
            for seat in seats
        ),
    )


def _seat_state(
    seat: ActionApproval.Seat, given: list[ActionApproval], now: str
) -> SeatState:
    last = given[-1] if given else None
    if last is None:
        state = "waiting"
    elif last.approved_digest != now:
        # What was asked for has been changed: the seat waits again. A given approval of
        # other facts is shown as stale, so that nobody takes it for a valid one.
        asked = last.decision == ActionApproval.Decision.CHANGES
        state = "waiting" if asked else "stale"
    else:
        state = str(last.decision)
    return SeatState(seat=str(seat), label=seat.label, state=state, approval=last)


def conflicts(action: ActionItem, user: User, purpose: str) -> list[str]:
    """Why this person may not approve: their part in the action, in words (R-AP-02).

    Handing an action over does not help, and who imported the case could have written
    all of it.
    """
    parts: list[tuple[str, User | None]] = [
        ("owns it", action.owner),
        ("wrote it", action.recorded_by),
        *(("owned it before", who) for who in action.former_owners),
        *(("imported the case", who) for who in action.incident.importers),
    ]
    if purpose == Purpose.COMPLETION:
        parts.append(("completed it", action.completed_by))
        for test in action.live_tests:
            for run in test.live_runs:
                parts.append((f"made {run.ref}", run.tester))
                parts.append((f"recorded {run.ref}", run.recorded_by))
    return list(
        dict.fromkeys(words for words, who in parts if user.is_same_person(who))
    )


def seats_of(action: ActionItem, user: User, purpose: str) -> list[str]:
    """The seats this person may take, by role: a manager judges quality, finance the
    effect on money. Separation of duties is a second question (`conflicts`)."""
    state = approval_state(action, purpose)
    wanted = [seat.seat for seat in state.seats]
    held = []
    if ActionApproval.Seat.FINANCE in wanted and Role.FINANCE in user.roles:
        held.append(str(ActionApproval.Seat.FINANCE))
    if ActionApproval.Seat.QUALITY in wanted and user.is_manager:
        held.append(str(ActionApproval.Seat.QUALITY))
    return held


def may_approve(action: ActionItem, user: User, state: ApprovalState) -> bool:
    """Whether this person could fill a seat that is still free."""
    open_seats = {seat.seat for seat in state.seats if seat.state != "approved"}
    taken = any(
        seat.state == "approved"
        and seat.approval is not None
        and user.is_same_person(seat.approval.approver)
        for seat in state.seats
    )
    if taken or not open_seats & set(seats_of(action, user, state.purpose)):
        return False
    return not conflicts(action, user, state.purpose)


@also_verifies
def verify_approvals(incident: Incident) -> Iterator[Breach]:
    """Approvals of actions that the chained activity does not tell of as they stand."""
    told = Counter(
        (
            entry.verb,
            entry.subject_ref,
            entry.actor_id,
            entry.data.get("digest"),
            entry.data.get("seat"),
        )
        for entry in ActivityEntry.objects.filter(
            incident=incident, verb__in=[*APPROVAL_VERBS.values(), CHANGES_VERB]
        )
    )
    for given in ActionApproval.objects.filter(incident=incident).select_related(
        "action", "approver"
    ):
        asks = given.decision == ActionApproval.Decision.CHANGES
        said = (
            CHANGES_VERB if asks else APPROVAL_VERBS[Purpose(given.purpose)],
            given.action.ref,
            given.approver_id,
            given.approved_digest,
            given.seat,
        )
        if told[said]:
            told[said] -= 1
        else:
            yield Breach(
                f"approval of {given.action.ref}", "is not what the activity tells"
            )
    for (_, ref, *_), left in told.items():
        if left:
            yield Breach(f"approval of {ref}", "was deleted")
