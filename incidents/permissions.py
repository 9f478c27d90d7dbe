"""The one table: permission x role x status. Denied unless declared.

A role is the ceiling of what one may do (decision 12). Whether this person may do it to
this subject (separation of duties) is a rule of the services.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied

from accounts.models import Role, User
from incidents.models import Incident
from postmortem.lib.errors import InvalidTransition

S = Incident.Status
LIVE = frozenset({S.ACTIVE, S.STABILIZED})
OPEN = frozenset({S.ACTIVE, S.STABILIZED, S.IN_REVIEW})
ANY = frozenset(S)
SINCE_CLOSING = OPEN | {S.CLOSED}

EVERYBODY = frozenset(Role)
CREW = frozenset({Role.RESPONDER, Role.COMMANDER, Role.ADMIN})
RECORDERS = CREW | {Role.REVIEWER, Role.FINANCE, Role.COMPLIANCE}
LEADS = frozenset({Role.COMMANDER, Role.ADMIN})
SIGNATORIES = frozenset({Role.REVIEWER, Role.FINANCE, Role.COMPLIANCE, Role.ADMIN})


@dataclass(frozen=True)
class Rule:
    """Which roles, in which statuses of the incident, and in words for the refusal."""

    roles: frozenset[str]
    statuses: frozenset[str]
    words: str


TABLE: dict[str, Rule] = {
    "incident.view": Rule(EVERYBODY, ANY, "read this incident"),
    "incident.declare": Rule(CREW, ANY, "declare an incident"),
    "incident.edit": Rule(RECORDERS, OPEN, "edit the case file"),
    "incident.restrict": Rule(
        LEADS | {Role.COMPLIANCE}, OPEN, "change who may see the incident"
    ),
    "incident.clock": Rule(LEADS, frozenset({S.ACTIVE}), "change the incident clock"),
    "incident.people": Rule(CREW, OPEN, "change who does what"),
    "incident.stabilize": Rule(LEADS, LIVE, "declare the incident stabilized"),
    "incident.relapse": Rule(CREW, OPEN, "return the incident to active"),
    "incident.all_clear": Rule(LEADS, OPEN, "give the all-clear"),
    "incident.start_review": Rule(RECORDERS, OPEN, "start the review"),
    "incident.cancel": Rule(LEADS, LIVE, "cancel the incident"),
    "incident.export": Rule(EVERYBODY, ANY, "export the case"),
    "incident.import": Rule(LEADS, ANY, "import a case"),
    "policy.edit": Rule(
        frozenset({Role.ADMIN}), ANY, "change the thresholds of a severity"
    ),
    "scope.edit": Rule(RECORDERS, OPEN, "edit scope and impact"),
    "evidence.add": Rule(RECORDERS, OPEN, "add evidence"),
    "evidence.download": Rule(EVERYBODY, ANY, "open evidence"),
    "evidence.redact": Rule(
        LEADS | {Role.COMPLIANCE}, ANY, "take the content of evidence out of the store"
    ),
    "unknown.edit": Rule(RECORDERS, OPEN, "edit known unknowns"),
    "timeline.add": Rule(RECORDERS, OPEN, "add to the timeline"),
    "timeline.edit": Rule(RECORDERS, OPEN, "edit the timeline"),
    "rca.edit": Rule(RECORDERS, OPEN, "edit the root cause analysis"),
    "action.edit": Rule(RECORDERS, OPEN, "edit actions"),
    "action.run": Rule(RECORDERS, SINCE_CLOSING, "record a test run"),
    "action.complete": Rule(RECORDERS, SINCE_CLOSING, "complete an action"),
    "action.approve": Rule(SIGNATORIES, SINCE_CLOSING, "approve an action"),
    "review.edit": Rule(RECORDERS, OPEN, "edit the review"),
    "finding.accept": Rule(SIGNATORIES | LEADS, OPEN, "accept a finding"),
    "review.approve": Rule(SIGNATORIES, frozenset({S.IN_REVIEW}), "approve closure"),
    "review.close": Rule(
        SIGNATORIES | LEADS, frozenset({S.IN_REVIEW}), "close the incident"
    ),
    "review.reopen": Rule(
        SIGNATORIES | LEADS, frozenset({S.CLOSED}), "reopen the incident"
    ),
    "report.request": Rule(EVERYBODY, ANY, "render the one-pager"),
}


NO_ROLE = (
    "Your account has no role yet, so you see no incident. "
    "Ask an administrator to give you one."
)


def can(user: User, permission: str, incident: Incident | None = None) -> bool:
    """Whether the table allows it: to show a control, never instead of `require`."""
    rule = TABLE[permission]
    if not user.is_active or not user.roles & rule.roles:
        return False
    return incident is None or incident.status in rule.statuses


def require(user: User, permission: str, incident: Incident | None = None) -> None:
    """PermissionDenied for the wrong role, InvalidTransition for the wrong status."""
    rule = TABLE[permission]
    if not user.is_active or not user.roles & rule.roles:
        names = ", ".join(Role(role).label.lower() for role in sorted(rule.roles))
        raise PermissionDenied(
            f"Your role may not {rule.words}. It takes one of: {names}."
        )
    if incident is not None and incident.status not in rule.statuses:
        if incident.is_frozen:
            raise InvalidTransition(
                f"{incident.key} is {incident.get_status_display().lower()} and "
                f"frozen: nobody can {rule.words}. Reopen it with a reason first.",
                code="frozen",
            )
        raise InvalidTransition(
            f"{incident.key} is {incident.get_status_display().lower()}: "
            f"one cannot {rule.words} now."
        )
