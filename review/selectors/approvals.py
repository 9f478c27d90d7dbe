"""Who must approve a closure, who has, and who may not (R-AP-01, R-AP-02)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONArray

from accounts.models import Team, User
from actions.models import ActionItem
from incidents.activity import Breach, also_verifies
from incidents.models import ActivityEntry, FindingSnapshot, Incident, Participation
from incidents.selectors import content_hash, participations
from incidents.selectors.lists import Gathered
from postmortem.lib.record import live_rows
from review.models import ClosureApproval, ClosurePolicy, Review

SeatKind = ClosureApproval.Seat
# Deeds that leave the record as it is: they are no reason for a lapse.
APPROVAL_VERBS = (
    "review.closure_approved",
    "review.changes_requested",
    "review.approval_",
    "review.report_",
)
Decision = ClosureApproval.Decision
FUNCTIONS = {
    Team.Function.ENGINEERING.value: SeatKind.ENGINEERING,
    Team.Function.FINANCE.value: SeatKind.FINANCE,
}
VERB_OF_DECISION = {
    Decision.APPROVED: "review.closure_approved",
    Decision.CHANGES: "review.changes_requested",
    Decision.WITHDRAWN: "review.approval_withdrawn",
}
# Who had one of these duties judges their own work.
EXCLUDING = (Participation.Duty.COMMANDER, Participation.Duty.SCRIBE)
REMITS = {
    SeatKind.ENGINEERING: "remediation quality and completeness",
    SeatKind.FINANCE: "business impact and books",
    SeatKind.OTHER: "completeness of the record",
}


@dataclass(frozen=True)
class Seat:
    """One approval that the policy asks for, and how it stands.

    state: pending, approved, stale (the record changed since) or changes.
    who: in words, who may fill it.
    """

    label: str
    remit: str
    who: str
    state: str = "pending"
    approval: ClosureApproval | None = None
    changes: tuple[str, ...] = ()
    kind: str = ""

    @property
    def is_approved(self) -> bool:
        return self.state == "approved"


@dataclass(frozen=True)
class ApprovalsState:
    """The seats of a closure against the present content hash.

    blocking_changes: requests for changes made of exactly this version.
    excluded: why a person may not approve, by the person behind the account.
    """

    content_hash: str
    policy: ClosurePolicy
    seats: tuple[Seat, ...]
    valid: tuple[ClosureApproval, ...]
    blocking_changes: tuple[ClosureApproval, ...] = ()
    excluded: dict[UUID, str] = field(default_factory=dict)
    latest: dict[UUID, ClosureApproval] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return (
            all(seat.is_approved for seat in self.seats) and not self.blocking_changes
        )

    @property
    def missing(self) -> list[Seat]:
        return [seat for seat in self.seats if not seat.is_approved]

    @property
    def sentence(self) -> str:
        """The policy in one line."""
        return policy_sentence(self.policy)


@dataclass(frozen=True)
class Standing:
    """What one person may do about the closure.

    seat: the seat an approval of theirs would take; reason: why there is none.
    given: their latest word in this round, if any.
    """

    seat: str | None
    is_manager: bool
    reason: str = ""
    given: ClosureApproval | None = None


def policy_for(incident: Incident) -> ClosurePolicy:
    """The policy of the severity; a severity without a row takes two, one a manager."""
    return ClosurePolicy.objects.filter(
        severity=incident.severity
    ).first() or ClosurePolicy(severity=incident.severity)


def policy_sentence(policy: ClosurePolicy) -> str:
    words = {1: "one", 2: "two", 3: "three", 4: "four"}
    count = words.get(policy.approvals, str(policy.approvals))
    managers = words.get(policy.managers, str(policy.managers))
    if policy.engineering_and_finance:
        who = f"{count.capitalize()} approvers: one from engineering, one from finance"
        if policy.managers >= 2:
            who += ", both managers"
        elif policy.managers:
            who += ", one of them a manager"
    else:
        who = f"{count.capitalize()} approvers"
        if policy.managers:
            who += f", at least {managers} a manager"
    return (
        f"{who}. Neither may be commander, scribe, author of the review or owner of an "
        "open mandatory action."
    )


def excluded_people(incident: Incident) -> dict[UUID, str]:
    """Who may not approve this closure, and why, by person and not by account.

    Who imported the case; commanders and scribes, the review's owner and the owner of
    its documentation, all of them also after handing over; owners of open mandatory
    actions. Writing timeline entries excludes nobody.
    """
    found: dict[UUID, str] = {}
    for person in incident.importers:
        found.setdefault(person.person_id, "imported this case")
    for duty in participations(incident):
        if duty.duty in EXCLUDING and not duty.is_backup:
            found.setdefault(
                duty.user.person_id,
                f"was {duty.get_duty_display().lower()} of this incident",
            )
    versions = Review.history.filter(incident=incident)
    authors = {
        pk
        for pair in versions.values_list("owner", "documentation_owner")
        for pk in pair
    }
    for person in User.objects.filter(pk__in=authors - {None}):
        found.setdefault(person.person_id, "is or was an author of this review")
    for action in live_rows(incident, ActionItem.objects.select_related("owner")):
        if action.owner and action.is_mandatory and action.is_pending:
            found.setdefault(
                action.owner.person_id,
                f"owns {action.ref}, a mandatory action still open",
            )
    return found


def approvals_state(
    incident: Incident,
    *,
    present_hash: str | None = None,
    excluded: dict[UUID, str] | None = None,
    policy: ClosurePolicy | None = None,
    words: Iterable[ClosureApproval] | None = None,
    explained: bool = True,
) -> ApprovalsState:
    """The seats of the policy and how each stands against the present record.

    The keywords are what the caller has read already: the hash of the record, who may
    not approve, the policy, the approvals of this round in their order. explained: also
    what changed since an approval that became stale.
    """
    present = present_hash or content_hash(incident, fresh=True)
    policy = policy or policy_for(incident)
    if excluded is None:
        excluded = excluded_people(incident)
    if words is None:
        words = ClosureApproval.objects.filter(
            incident=incident, lapsed_at=None
        ).select_related("approver")
    latest: dict[UUID, ClosureApproval] = {}
    for given in words:
        latest.pop(given.approver.person_id, None)
        latest[given.approver.person_id] = given
    valid, stale, changes = [], [], []
    for person, given in latest.items():
        if given.decision == Decision.WITHDRAWN or person in excluded:
            continue
        if given.decision == Decision.CHANGES:
            changes.append(given)
        elif given.content_hash == present:
            valid.append(given)
        else:
            stale.append(given)
    told = incident if explained else None
    seats = _fill(_seats(policy), valid, stale, changes, policy, told)
    return ApprovalsState(
        content_hash=present,
        policy=policy,
        seats=tuple(seats),
        valid=tuple(valid),
        blocking_changes=tuple(c for c in changes if c.content_hash == present),
        excluded=excluded,
        latest=latest,
    )


_WORD = (
    *("pk", "seat", "decision", "content_hash", "is_manager"),
    *("approver_id", "approver__person_id"),
)
_POLICY = ("severity", "approvals", "managers", "engineering_and_finance")


def with_words(rows: QuerySet[Incident]) -> QuerySet[Incident]:
    """These incidents with what `approvals_states` reads: `words`, the approvals of
    this round in their order, `policy`, and what was stored with the findings."""
    words = ClosureApproval.objects.filter(incident=OuterRef("pk"), lapsed_at=None)
    policy = ClosurePolicy.objects.filter(severity=OuterRef("severity"))
    return (
        rows.annotate(
            words=Gathered(words.order_by("pk").values(row=JSONArray(*_WORD))),
            policy=Gathered(policy.values(row=JSONArray(*_POLICY))),
        )
        .select_related("snapshot")
        .defer("snapshot__findings")
    )


def approvals_states(
    incidents: Iterable[Any],
) -> Iterator[tuple[Incident, ApprovalsState]]:
    """The state of many closures without a query, against the version that was last
    looked at. incidents: read `with_words`. Gates look again."""
    for incident in incidents:
        stored: FindingSnapshot | None = getattr(incident, "snapshot", None)
        facts = stored.facts.get("closure") if stored else None
        policies = [
            ClosurePolicy(**dict(zip(_POLICY, values, strict=True)))
            for values in incident.policy or ()
        ]
        yield (
            incident,
            approvals_state(
                incident,
                present_hash=stored.content_hash if stored else None,
                excluded=excluded_of(facts) if facts else None,
                policy=policies[0] if policies else None,
                words=[_word(values) for values in incident.words or ()],
                explained=False,
            ),
        )


def _word(values: list[Any]) -> ClosureApproval:
    """An approval with what is asked of its approver: which person that is."""
    *own, approver, person = values
    given = ClosureApproval(**dict(zip(_WORD[:-2], own, strict=True)))
    given.approver = User(pk=approver, person_id=UUID(person))
    return given


def excluded_of(facts: dict[str, Any]) -> dict[UUID, str]:
    """Who may not approve, from the facts that were stored with the findings."""
    return {UUID(person): why for person, why in facts["excluded"].items()}


@dataclass(frozen=True)
class _Need:
    """What one seat takes: a kind, or any; a manager, or not."""

    kind: str
    manager: bool

    def fits(self, given: ClosureApproval) -> bool:
        if self.kind and given.seat != self.kind:
            return False
        return given.is_manager or not self.manager

    @property
    def label(self) -> str:
        if self.kind:
            name = str(SeatKind(self.kind).label)
            return f"{name} manager" if self.manager else f"{name} approver"
        return "Manager" if self.manager else "Second person"

    @property
    def who(self) -> str:
        if self.kind:
            name = str(SeatKind(self.kind).label).lower()
            return (
                f"the manager of a {name} team"
                if self.manager and self.kind == SeatKind.FINANCE
                else f"the manager of an {name} team"
                if self.manager
                else f"somebody from {name}"
            )
        return "the manager of a team" if self.manager else "a reviewer"


def _seats(policy: ClosurePolicy) -> list[_Need]:
    kinds: list[str] = (
        [SeatKind.ENGINEERING.value, SeatKind.FINANCE.value]
        if policy.engineering_and_finance
        else []
    )
    total = max(policy.approvals, len(kinds), 2)
    needs = []
    for index in range(total):
        kind = kinds[index] if index < len(kinds) else ""
        needs.append(_Need(kind, manager=index < policy.managers))
    return needs


def _fill(
    needs: list[_Need],
    valid: list[ClosureApproval],
    stale: list[ClosureApproval],
    changes: list[ClosureApproval],
    policy: ClosurePolicy,
    incident: Incident | None,
) -> list[Seat]:
    taken: dict[int, tuple[str, ClosureApproval]] = {}
    order = sorted(
        range(len(needs)), key=lambda i: (not needs[i].kind, not needs[i].manager)
    )
    one_manager_of_two = policy.engineering_and_finance and policy.managers == 1
    for state, given in (("approved", valid), ("changes", changes), ("stale", stale)):
        left = sorted(given, key=lambda a: (not a.is_manager, a.pk))
        for item in left:
            for index in order:
                need = needs[index]
                if index not in taken and (
                    need.fits(item)
                    or (one_manager_of_two and need.kind == item.seat)
                    or (state != "approved" and not need.kind)
                ):
                    taken[index] = (state, item)
                    break
    if one_manager_of_two:
        _need_a_manager(taken)
    return [_seat(need, taken.get(index), incident) for index, need in enumerate(needs)]


def _need_a_manager(taken: dict[int, tuple[str, ClosureApproval]]) -> None:
    """Either of the two seats may hold the manager; with none, the last one is open."""
    approved = [i for i, (state, _) in taken.items() if state == "approved"]
    if len(approved) >= 2 and not any(taken[i][1].is_manager for i in approved):
        taken.pop(max(approved))


def _seat(
    need: _Need, taken: tuple[str, ClosureApproval] | None, incident: Incident | None
) -> Seat:
    remit = REMITS[SeatKind(need.kind)] if need.kind else REMITS[SeatKind.OTHER]
    if taken is None:
        return Seat(need.label, remit, need.who, kind=need.kind)
    state, given = taken
    changes = changed_since(incident, given) if incident and state == "stale" else ()
    return Seat(need.label, remit, need.who, state, given, changes, need.kind)


@also_verifies
def verify_approvals(incident: Incident) -> Iterator[Breach]:
    """Approvals that are not what the chained activity says of them."""
    told: dict[int, ActivityEntry] = {}
    round_ended = 0
    for entry in ActivityEntry.objects.filter(incident=incident).order_by("sequence"):
        if entry.verb in VERB_OF_DECISION.values():
            told[entry.data["approval"]] = entry
        elif entry.verb in {"review.kept_stabilized", "review.incident_reopened"}:
            round_ended = entry.sequence
    for given in ClosureApproval.objects.filter(incident=incident).select_related(
        "approver"
    ):
        place, entry = f"approval {given.pk}", told.pop(given.pk, None)
        if entry is None:
            yield Breach(place, "was written past the services")
            continue
        differs = [
            name
            for name in ("content_hash", "seat", "is_manager")
            if name in entry.data and entry.data[name] != getattr(given, name)
        ]
        if entry.verb != VERB_OF_DECISION[Decision(given.decision)]:
            differs.append("decision")
        if entry.actor_id != given.approver_id:
            differs.append("approver")
        if (entry.sequence < round_ended) != (given.lapsed_at is not None):
            differs.append("lapsed_at")
        if differs:
            yield Breach(place, f"{', '.join(differs)} was edited after it was written")
    for pk in sorted(told):
        yield Breach(f"approval {pk}", "was deleted")


def changed_since(incident: Incident, given: ClosureApproval) -> tuple[str, ...]:
    """What was done to the record since an approval, in the words of the activity."""
    entries = ActivityEntry.objects.filter(incident=incident).order_by("sequence")
    word = entries.filter(
        verb__in=["review.closure_approved", "review.changes_requested"],
        data__approval=given.pk,
    ).first()
    if word is None:
        return ()
    after = [
        entry.sentence
        for entry in entries.filter(sequence__gt=word.sequence)
        if not entry.verb.startswith(APPROVAL_VERBS)
    ]
    counted = Counter(after)
    return tuple(
        f"{sentence} ({times} times)" if times > 1 else sentence
        for sentence, times in counted.items()
    )


def standing(user: User, state: ApprovalsState) -> Standing:
    """Which seat this person's approval would take, or why none (R-AP-02)."""
    given = state.latest.get(user.person_id)
    if reason := state.excluded.get(user.person_id):
        return Standing(None, False, f"{user.label} {reason}.", given)
    managed = user.managed_functions
    kinds = [kind for name, kind in FUNCTIONS.items() if name in user.functions]
    if not state.policy.engineering_and_finance:
        return Standing(kinds[0] if kinds else SeatKind.OTHER, bool(managed), "", given)
    if state.policy.managers >= 2:
        kinds = [kind for name, kind in FUNCTIONS.items() if name in managed]
    if not kinds:
        return Standing(
            None,
            False,
            f"{user.label} holds neither seat. {state.sentence.split('. ')[0]}.",
            given,
        )
    filled = {
        item.seat for item in state.valid if item.approver.person_id != user.person_id
    }
    kind = next((kind for kind in kinds if kind not in filled), kinds[0])
    name = next(name for name, seat in FUNCTIONS.items() if seat == kind)
    return Standing(kind, name in managed, "", given)
