"""Checks of causes: labels, evidence, uncertainty."""

from __future__ import annotations

import re
from collections.abc import Iterator

from incidents.models import Evidence, KnownUnknown
from postmortem.lib.findings import Case, Level, Problem, Row, check
from rca.checks.base import TAB, form_url, missing_parts, one_of, owner_of
from rca.models import Cause
from rca.selectors import analysis, causes, standing_causes
from timeline.selectors import entries

State, Label = Cause.State, Cause.Label
_STALE_DOCS = re.compile(
    r"\b(?:stale|outdated|out[- ]of[- ]date|obsolete|retired|wrong|old)\b.{0,60}"
    r"\b(?:runbooks?|documentation|docs|procedures?|playbooks?|hosts?|host lists?|IPs?)"
    r"\b"
    r"|\b(?:runbooks?|documentation|docs|procedures?|playbooks?)\b.{0,60}"
    r"\b(?:stale|outdated|out[- ]of[- ]date|obsolete|retired|wrong|not updated)\b",
    re.IGNORECASE,
)
_DOCUMENTS = frozenset(
    {
        Evidence.Kind.RUNBOOK,
        Evidence.Kind.RUNBOOK_STEP,
        Evidence.Kind.CONFIG_CHANGE,
        Evidence.Kind.DATA_CONTRACT,
    }
)


@check(
    "RC001",
    "Trigger or primary cause not stated",
    level=Level.ERROR,
    requirements=("R-DOC-03", "R-RC-01", "R-RC-02", "R-CK-02"),
    tab=TAB,
    row=Row.RCA,
)
def trigger_and_primary(case: Case) -> Iterator[Problem]:
    """An analysis shows what came immediately before the degradation and which
    technical condition produced the failure. Either may be provisional; certainty is
    not forced."""
    labels = {cause.label for cause in standing_causes(case)}
    for label, words, hint in (
        (
            Label.TRIGGER,
            "No trigger is stated",
            "The change or condition immediately before visible degradation.",
        ),
        (
            Label.PRIMARY,
            "No primary cause is stated",
            "The technical condition that directly produced the failure.",
        ),
    ):
        if label not in labels:
            yield Problem(
                words,
                hint=f"{hint} Mark it provisional while it is not proven.",
                fix_label="Add cause",
                url=f"{form_url('cause_add', case.incident)}?label={label.value}",
                inputs=(label.value,),
            )


@check(
    "RC002",
    "Provisional cause without check, owner or deadline",
    level=Level.ERROR,
    requirements=("R-RC-08", "R-CK-02"),
    tab=TAB,
    row=Row.RCA,
)
def provisional_parts(case: Case) -> Iterator[Problem]:
    """Uncertainty is welcome if it says what would end it: the missing artifact or
    check, who makes it and until when."""
    for cause in standing_causes(case):
        if cause.state != State.PROVISIONAL:
            continue
        missing = missing_parts(cause.known_unknown)
        if missing:
            yield Problem(
                f"{cause.ref} is provisional and names no {one_of(missing)}",
                cause,
                hint="Name what would prove it, or confirm it by an original record.",
                fix_label="Name check",
                url=form_url("cause_provisional", case.incident, cause.number),
                owner_label=owner_of(cause),
                inputs=(*missing, cause.version),
            )


@check(
    "RC003",
    "Cause without evidence",
    level=Level.ERROR,
    requirements=("R-RC-07", "R-EV-04", "R-EV-05"),
    tab=TAB,
    row=Row.RCA,
    waivable=True,
)
def cause_evidence(case: Case) -> Iterator[Problem]:
    """Each cause links at least one artifact, and a confirmed one an original record
    that another reviewer can open. Two people may accept the gap; it is printed."""
    for cause in standing_causes(case):
        linked = cause.evidence
        refs = tuple(sorted(item.ref for item in linked))
        url = form_url("cause_edit", case.incident, cause.number)
        if not linked:
            settled = cause.state == State.PROVISIONAL and not missing_parts(
                cause.known_unknown
            )
            yield Problem(
                f"{cause.ref} rests on no evidence",
                cause,
                hint="Its missing check, owner and deadline are named."
                if settled
                else "Link the record that shows it, or rule it out.",
                fix_label="Attach original",
                url=url,
                owner_label=owner_of(cause),
                inputs=(cause.state, refs),
                level=Level.WARNING if settled else None,
            )
        elif cause.state == State.CONFIRMED and cause.is_provisional:
            later = cause.rests_on_later_summary
            yield Problem(
                f"{cause.ref} is confirmed, but rests on "
                + (
                    f"later summaries only ({', '.join(refs)})"
                    if later
                    else f"records that nobody else can open ({', '.join(refs)})"
                ),
                cause,
                hint="Attach an original record, or mark the cause provisional.",
                fix_label="Attach original",
                url=url,
                inputs=(cause.state, refs),
            )


@check(
    "RC004",
    "Role in the impact path not written",
    level=Level.WARNING,
    requirements=("R-RC-05",),
    tab=TAB,
    row=Row.RCA,
)
def written_role(case: Case) -> Iterator[Problem]:
    """The label follows the role in the impact path, not the timing; so the role must
    be there to read."""
    for cause in standing_causes(case):
        if not cause.role.strip():
            yield Problem(
                f"{cause.ref} is called {cause.get_label_display().lower()} without "
                "its role in the impact path",
                cause,
                hint="Say how it preceded, produced, widened or delayed the impact.",
                fix_label="Write role",
                url=form_url("cause_edit", case.incident, cause.number),
                inputs=(cause.label,),
            )


@check(
    "RC005",
    "Validation of a provisional cause overdue",
    level=Level.WARNING,
    requirements=("R-RC-08",),
    tab=TAB,
    row=Row.RCA,
)
def overdue_validation(case: Case) -> Iterator[Problem]:
    """A missing check whose deadline has passed hardens into an assumption."""
    for cause in standing_causes(case):
        unknown = cause.known_unknown
        if (
            cause.state == State.PROVISIONAL
            and unknown is not None
            and unknown.state == KnownUnknown.State.OPEN
            and unknown.due_at is not None
            and case.reached(unknown.due_at)
        ):
            yield Problem(
                f"{cause.ref} is still provisional: {unknown.ref} is overdue",
                cause,
                hint=f"Missing check: {unknown.missing_check or 'not named'}. Make it, "
                "or give a new deadline.",
                fix_label="Settle check",
                url=form_url("cause_provisional", case.incident, cause.number),
                owner_label=owner_of(cause),
                inputs=(unknown.ref, unknown.due_at),
            )


@check(
    "RC006",
    "Single cause, and nothing said about what lies beyond",
    level=Level.WARNING,
    requirements=("R-RC-06", "R-BL-02"),
    tab=TAB,
    row=Row.RCA,
)
def single_cause(case: Case) -> Iterator[Problem]:
    """Incidents have several conditions. An analysis with one cause answers whether
    there is more beyond the first failure point."""
    standing = standing_causes(case)
    if len(standing) == 1 and not standing[0].beyond.strip():
        (cause,) = standing
        yield Problem(
            f"{cause.ref} is the only cause and “is there more beyond this?” is open",
            cause,
            hint="Look for what widened the impact or slowed recovery, or say why "
            "there is nothing.",
            fix_label="Answer",
            url=f"{form_url('cause_edit', case.incident, cause.number)}#id_beyond",
            inputs=(cause.label,),
        )


@check(
    "RC007",
    "Proximate and systemic causes not separated",
    level=Level.ERROR,
    requirements=("R-RC-03", "R-RC-04", "R-CK-02"),
    tab=TAB,
    row=Row.RCA,
)
def systemic_causes(case: Case) -> Iterator[Problem]:
    """What failed and what let it fail are two things. Without a contributing cause the
    analysis says at least which condition was looked for and not found."""
    standing = standing_causes(case)
    proximate = [cause for cause in standing if not cause.is_systemic]
    if not proximate or len(proximate) < len(standing):
        return
    if any(cause.condition.strip() for cause in proximate):
        return
    nearest = proximate[-1]
    yield Problem(
        "No contributing cause is stated, and no cause says which condition allowed it",
        nearest,
        hint="Add the process or control gap, or answer “what condition allowed it?”.",
        fix_label="Add cause",
        url=f"{form_url('cause_add', case.incident)}?label={Label.CONTRIBUTING.value}",
        inputs=tuple(cause.ref for cause in proximate),
    )


@check(
    "RC010",
    "Outdated documents as a contributor",
    level=Level.INFO,
    requirements=("R-RC-10", "R-RO-16"),
    tab=TAB,
    row=Row.RCA,
)
def stale_documents(case: Case) -> Iterator[Problem]:
    """Stale runbooks and details lengthen recovery. They are a contributor if evidence
    shows it: the version that was in force."""
    told = False
    for cause in standing_causes(case):
        if not cause.is_systemic or not _STALE_DOCS.search(
            f"{cause.statement} {cause.role}"
        ):
            continue
        told = True
        if not any(item.kind in _DOCUMENTS for item in cause.evidence):
            yield Problem(
                f"{cause.ref} speaks of an outdated document, but links no version",
                cause,
                hint="Attach the runbook version, step or configuration in force then.",
                fix_label="Attach version",
                url=form_url("cause_edit", case.incident, cause.number),
                inputs=(cause.statement,),
            )
    if told:
        return
    for entry in case.load(entries):
        if _STALE_DOCS.search(f"{entry.observed_signal} {entry.action_taken}"):
            yield Problem(
                f"{entry.ref} tells of an outdated document, but no cause does",
                entry,
                hint="Add it as a contributing cause if it slowed recovery.",
                fix_label="Add cause",
                url=f"{form_url('cause_add', case.incident)}"
                f"?label={Label.CONTRIBUTING.value}&entry={entry.number}",
                inputs=(entry.observed_signal, entry.action_taken),
            )


@check(
    "RC011",
    "No method chosen",
    level=Level.WARNING,
    requirements=("R-DOC-14",),
    tab=TAB,
    row=Row.RCA,
)
def method_chosen(case: Case) -> Iterator[Problem]:
    """The approach is chosen to fit the incident; one template for all is no choice."""
    method = case.load(analysis)
    if method is None or not method.why_it_fits.strip():
        yield Problem(
            "No method is chosen for the analysis"
            if method is None
            else "The method is chosen, but not why it fits",
            method,
            fix_label="Choose method",
            url=form_url("analysis_edit", case.incident),
            inputs=(method and method.method,),
        )


@check(
    "RC012",
    "Ruled-out cause without evidence",
    level=Level.WARNING,
    requirements=("R-RC-07", "R-HY-02"),
    tab=TAB,
    row=Row.RCA,
)
def ruled_out_evidence(case: Case) -> Iterator[Problem]:
    """A candidate that was ruled out stays with the evidence that changed direction."""
    for cause in case.load(causes):
        if cause.state == State.RULED_OUT and not cause.evidence:
            yield Problem(
                f"{cause.ref} is ruled out with no evidence",
                cause,
                hint=cause.ruled_out_reason,
                fix_label="Attach original",
                url=form_url("cause_edit", case.incident, cause.number),
                inputs=(cause.ruled_out_reason,),
            )


@check(
    "RC013",
    "Prompts of a cause unanswered",
    level=Level.INFO,
    requirements=("R-BL-02",),
    tab=TAB,
    row=Row.BLAMELESS,
)
def prompts_answered(case: Case) -> Iterator[Problem]:
    """What evidence shows this, what condition allowed it, what change reduces repeat
    risk: the questions that keep people out and conditions in."""
    for cause in standing_causes(case):
        open_ones = [
            words
            for words, answer in (
                ("what evidence shows this", cause.evidence_shows),
                ("what condition allowed it", cause.condition),
                ("what change reduces repeat risk", cause.risk_change),
            )
            if not answer.strip()
        ]
        if open_ones and cause.label == Label.PRIMARY:
            yield Problem(
                f"{cause.ref} leaves open: {'; '.join(open_ones)}",
                cause,
                fix_label="Answer",
                url=form_url("cause_edit", case.incident, cause.number),
                inputs=tuple(open_ones),
            )


@check(
    "RC014",
    "Causes not joined into an impact path",
    level=Level.INFO,
    requirements=("R-RC-05", "R-DOC-06"),
    tab=TAB,
    row=Row.RCA,
)
def joined_causes(case: Case) -> Iterator[Problem]:
    """A reader who was not there follows the arrows from trigger to impact."""
    standing = standing_causes(case)
    if len(standing) < 2:
        return
    joined = {cause.pk for cause in standing if cause.next_causes}
    joined |= {item.pk for cause in standing for item in cause.next_causes}
    loose = [cause for cause in standing if cause.pk not in joined]
    if loose:
        refs = ", ".join(cause.ref for cause in loose)
        yield Problem(
            f"{refs} {'is' if len(loose) == 1 else 'are'} joined to no other cause",
            loose[0],
            hint="Say which cause it leads to.",
            fix_label="Draw arrow",
            url=f"{form_url('cause_edit', case.incident, loose[0].number)}#id_leads_to",
            inputs=tuple(cause.ref for cause in loose),
        )
