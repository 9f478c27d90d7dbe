"""Pages of the actions, by noun; here how an action is shown in a list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from actions import selectors
from actions.models import ActionItem, ClosureTest, TestRun
from incidents.language import Match, find_vague
from incidents.selectors import StoredFindings
from postmortem.lib.findings import REGISTRY, Finding
from postmortem.lib.times import on_clock, span

KIND_ICONS: dict[str, str] = {
    ActionItem.Kind.STABILIZE: "anchor",
    ActionItem.Kind.RESTORE: "history",
    ActionItem.Kind.REDUCE: "repeat-off",
}
KIND_WORDS: dict[str, str] = {
    ActionItem.Kind.STABILIZE: "Stabilize",
    ActionItem.Kind.RESTORE: "Restore",
    ActionItem.Kind.REDUCE: "Reduce recurrence",
}
GIVEN_UP = "AI020"  # that a mandatory action was cancelled
_GROUPS = ("AI", "CT", "AP", "BL")


@dataclass(frozen=True)
class ActionRow:
    """An action as a list shows it: badge of its proof, due date, wording."""

    action: ActionItem
    badge: str
    badge_label: str
    due_note: str
    due_kind: str
    missing: tuple[str, ...]
    vague: bool
    hint: str
    title: SafeString | str
    findings: tuple[Finding, ...] = ()

    @property
    def ref(self) -> str:
        return self.action.ref

    @property
    def icon(self) -> str:
        return icon_of(self.action.kind, self.action.state)

    @property
    def kind(self) -> str:
        return kind_of(self.action.kind, self.action.state)

    @property
    def due(self) -> str:
        return due_date(self.action.due_at, self.action.incident.clock_zone)

    @property
    def is_over(self) -> bool:
        return is_over(self.action)

    @property
    def tracker(self) -> str:
        """The last part of the tracker's address, normally the ticket: 'PAY-4471'."""
        address = urlsplit(self.action.tracker_url)
        last = address.path.rstrip("/").rpartition("/")[2]
        return last or address.netloc

    @property
    def blocking(self) -> Finding | None:
        return next((item for item in self.findings if item.is_blocking), None)


def icon_of(kind: str, state: str) -> str:
    """The sign of an action: of what it is for, or that it is a draft."""
    return "pencil" if state == ActionItem.State.DRAFT else KIND_ICONS[kind]


def kind_of(kind: str, state: str) -> str:
    """The same in a word or two."""
    return "Draft" if state == ActionItem.State.DRAFT else KIND_WORDS[kind]


def due_date(due_at: datetime | None, zone: str) -> str:
    """'16 Mar' on the incident clock, with the year when it is another one."""
    if due_at is None:
        return ""
    shown = on_clock(due_at, zone)
    text = f"{shown.day} {shown:%b}"
    is_this_year = shown.year == on_clock(timezone.now(), zone).year
    return text if is_this_year else f"{text} {shown.year}"


def is_over(action: ActionItem) -> bool:
    """Given up or withdrawn: what it still lacks warns nobody any more."""
    return action.is_retracted or action.state == ActionItem.State.CANCELLED


def action_row(
    action: ActionItem, now: datetime, findings: tuple[Finding, ...] = ()
) -> ActionRow:
    """How one action stands, in the words of the list."""
    badge, label = proof_badge(
        action.state, action.live_tests, is_mandatory=action.is_mandatory
    )
    note, kind = _due_note(action, now)
    found = [] if is_over(action) else find_vague(action.title)
    missing: tuple[str, ...] = ()
    if is_over(action):  # the stored result may be older than the end of the action
        findings = tuple(item for item in findings if item.id == GIVEN_UP)
    if action.state == ActionItem.State.DRAFT:
        missing = tuple(
            words
            for words, is_missing in (
                ("No owner", action.owner_id is None),
                ("No closure test", not action.live_tests),
            )
            if is_missing
        )
        first = next((item for item in findings if item.is_open), None)
        if first:
            badge, label = "blocking" if first.is_blocking else "advisory", first.id
    return ActionRow(
        action=action,
        badge=badge,
        badge_label=label,
        due_note=note,
        due_kind=kind,
        missing=missing,
        vague=bool(found),
        hint=found[0].hint if found else "",
        title=marked(action.title, found),
        findings=findings,
    )


def proof_badge(
    state: str, tests: list[ClosureTest], *, is_mandatory: bool
) -> tuple[str, str]:
    """Badge of the closure tests of an action: the one that is worst speaks for all."""
    if state == ActionItem.State.CANCELLED:
        return "ruledout", "Cancelled"
    if not tests:
        return "blocking", "No closure test"
    runs = [test.latest_run for test in tests]
    made = [run for run in runs if run]
    failed = [run for run in made if run.outcome == TestRun.Outcome.FAILED]
    if failed:
        return "failed", f"Failed, {failed[0].ref}"
    if not made:
        return ("norun", "No run yet") if is_mandatory else ("defined", "Defined")
    if all(test.accepted_run for test in tests):
        count = sum(len(test.live_runs) for test in tests)
        return "passed", "Passed" if count == len(tests) else f"Passed, run {count}"
    unproven = [run for run in made if run.outcome == TestRun.Outcome.PASSED]
    if unproven and len(made) == len(tests):
        return "provisional", "Artifact missing"
    return "provisional", "Not passed"


def _due_note(action: ActionItem, now: datetime) -> tuple[str, str]:
    """The word under the due date and its meaning: '', 'bad' or 'ok'."""
    if action.state == ActionItem.State.CANCELLED:
        return "cancelled", ""
    if action.state == ActionItem.State.COMPLETED:
        state = selectors.approval_state(action)
        if state.is_approved:
            return "approved", "ok"
        return (
            ("approval stale", "bad")
            if state.state == "stale"
            else (
                "to approve",
                "",
            )
        )
    return pending_note(action.due_at, action.incident.clock_zone, now)


def pending_note(due_at: datetime | None, zone: str, now: datetime) -> tuple[str, str]:
    """The same of an action that is still to be done."""
    if due_at is None:
        return "", ""
    if due_at < now:
        return f"{_rough(now - due_at)} overdue", "bad"
    days = (on_clock(due_at, zone).date() - on_clock(now, zone).date()).days
    return (f"in {days} d" if days else "due today"), ""


def _rough(length: timedelta) -> str:
    """A length in its largest unit, for a narrow column: '3 d', '19 h', '5 min'."""
    if length.days:
        return f"{length.days} d"
    hours = length.seconds // 3600
    return f"{hours} h" if hours else span(length)


def marked(text: str, found: list[Match]) -> SafeString | str:
    """The text with a wavy underline under what is vague; the reason is its title."""
    if not found:
        return text
    parts: list[tuple[SafeString | str]] = []
    at = 0
    for match in found:
        parts.append((text[at : match.start],))
        mark = '<mark class="pm-vague" title="{}">{}</mark>'
        said = text[match.start : match.end]
        parts.append((format_html(mark, match.reason, said),))
        at = match.end
    parts.append((text[at:],))
    return format_html_join("", "{}", parts)


def action_findings(
    rows: Iterable[ActionItem], stored: StoredFindings
) -> dict[str, tuple[Finding, ...]]:
    """Open points of the actions, by the ref of the action that they belong to; those
    about the actions as a whole under ''."""
    owner_of: dict[str, str] = {}
    for action in rows:
        owner_of[action.ref] = action.ref
        for test in action.live_tests:
            owner_of[test.ref] = action.ref
            for run in test.live_runs:
                owner_of[run.ref] = action.ref
    by_action: dict[str, list[Finding]] = {}
    for item in stored.findings:
        if item.is_open and item.id[:2] in _GROUPS and _ours(item.id):
            by_action.setdefault(owner_of.get(item.subject_ref, ""), []).append(item)
    return {ref: tuple(items) for ref, items in by_action.items()}


def _ours(check_id: str) -> bool:
    known = REGISTRY.get(check_id)
    return known is not None and known.function.__module__.startswith("actions.")
