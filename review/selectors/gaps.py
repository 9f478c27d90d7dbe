"""The evidence gaps that closing seals into the record (R-EV-10, R-CT-08)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import User
from actions import selectors as actions
from actions.models import TestRun
from incidents import selectors as case_file
from incidents.models import Claim, Evidence, Incident, Waiver
from postmortem.lib.findings import Case
from postmortem.lib.times import on_clock
from postmortem.lib.words import listed
from rca import selectors as rca
from timeline import selectors as timeline
from timeline.models import Entry

MOST_BARE = 4  # more statements of one kind without evidence become one line
WHERE = {
    "SC": "Scope",
    "IM": "Impact",
    "FG": "Impact",
    "TL": "Timeline",
    "DP": "Dependencies",
    "CA": "Root cause",
    "FM": "Failure modes",
    "RUN": "Control tests",
}


@dataclass(frozen=True)
class Chip:
    """An artifact as a chip shows it."""

    ref: str
    title: str
    kind: str
    is_original: bool
    url: str


def chip_of(item: Evidence) -> Chip:
    return Chip(
        item.ref, item.title, item.kind, item.is_original, item.get_absolute_url()
    )


@dataclass(frozen=True)
class Gap:
    """An evidence gap that closing would seal into the record (R-EV-10, R-CT-08)."""

    title: str
    where: str
    unproven: str
    accepted_by: str
    url: str = ""
    evidence: Chip | None = None
    code: str = ""
    later: str = ""  # ref of the claim that rests on a later summary only


def gaps(incident: Incident, *, now: datetime | None = None) -> list[Gap]:
    """What stays unproven when the record is sealed: stated gaps, accepted findings,
    claims without evidence or with a later summary only, and test runs without an
    artifact."""
    return gaps_of(Case(incident, now=now))


def gaps_of(case: Case) -> list[Gap]:
    """As `gaps`, on the rows that the case has loaded."""
    return [
        *_stated(case),
        *_accepted(case),
        *_without_evidence(case),
        *_later_summaries(case),
        *_bare_runs(case),
    ]


def gaps_sealed(facts: dict[str, Any]) -> str:
    """How many gaps closing seals, in a sentence, from their stored form."""
    number = len(facts["gaps"])
    if not number:
        return "No evidence gap is sealed with it."
    if number == 1:
        return "One evidence gap is sealed with it."
    return f"{number} evidence gaps are sealed with it."


def gaps_from(facts: dict[str, Any]) -> list[Gap]:
    """The gaps from their stored form."""
    return [
        Gap(**{**row, "evidence": Chip(**row["evidence"]) if row["evidence"] else None})
        for row in facts["gaps"]
    ]


def _stated(case: Case) -> list[Gap]:
    zone = case.incident.clock_zone
    found = []
    rows = [
        entry
        for entry in case.load(timeline.entries)
        if entry.kind == Entry.Kind.NO_RECORD
    ]
    people = User.objects.in_bulk({row.recorded_by_id for row in rows} - {None})
    for entry in rows:
        writer = people.get(entry.recorded_by_id)
        when = ""
        if entry.occurred_at:
            when = f" for {on_clock(entry.occurred_at, zone):%H:%M}"
            if entry.occurred_until:
                when += f" to {on_clock(entry.occurred_until, zone):%H:%M}"
        found.append(
            Gap(
                title=f"No record{when}",
                where="Timeline",
                unproven=entry.headline,
                accepted_by=writer.label if writer else "",
                url=entry.get_absolute_url(),
            )
        )
    return found


def _accepted(case: Case) -> list[Gap]:
    found = []
    for waiver in _waivers(case):
        waiver.incident = case.incident
        people = (waiver.recorded_by, waiver.seconded_by)
        found.append(
            Gap(
                title=waiver.finding_message,
                where=waiver.subject_ref or "The case",
                unproven=waiver.reason,
                accepted_by=listed([person.label for person in people if person]),
                url=waiver.get_absolute_url(),
                code=waiver.check_id,
            )
        )
    return found


def _waivers(case: Case) -> list[Waiver]:
    return [row for row in case.load(case_file.waivers) if row.is_in_force(case.now)]


def _claims(case: Case) -> list[Claim]:
    """What the record states: rows that the checks read too."""
    return [
        *(e for e in case.load(timeline.entries) if e.kind != Entry.Kind.NO_RECORD),
        *case.load(timeline.checkpoints),
        *case.load(case_file.scope),
        *case.load(case_file.impacts),
        *case.load(case_file.figures),
        *rca.standing_causes(case),
        *case.load(rca.failure_modes),
    ]


def _without_evidence(case: Case) -> list[Gap]:
    """Claims that nothing is linked to, many of one kind in one line (R-EV-05)."""
    named = {row.subject_ref for row in _waivers(case)}
    bare: dict[str, list[Claim]] = {}
    for claim in _claims(case):
        if not claim.evidence and claim.ref not in named:
            bare.setdefault(claim.prefix, []).append(claim)
    found = []
    for prefix, rows in bare.items():
        where = WHERE.get(prefix, prefix)
        if len(rows) > MOST_BARE:
            refs = listed([row.ref for row in rows], most=MOST_BARE)
            title = f"{len(rows)} statements have no evidence"
            found.append(Gap(title, where, refs, "", url=_url_of(rows[0])))
            continue
        found += [
            Gap(
                f"{row.ref} has no evidence",
                where,
                _words_of(row),
                "",
                url=_url_of(row),
            )
            for row in rows
        ]
    return found


def _later_summaries(case: Case) -> list[Gap]:
    found = []
    runs = (
        run
        for action in case.load(actions.actions)
        for test in action.live_tests
        for run in test.live_runs
    )
    for claim in (*_claims(case), *runs):
        if claim.rests_on_later_summary:
            artifact = claim.evidence[0]
            artifact.incident = case.incident
            found.append(
                Gap(
                    title=f"{claim.ref} rests on a later summary",
                    where=WHERE.get(claim.prefix, claim.prefix),
                    unproven=_words_of(claim),
                    accepted_by="",
                    url=_url_of(claim),
                    evidence=chip_of(artifact),
                    later=claim.ref,
                )
            )
    return found


def _words_of(claim: Claim) -> str:
    for name in ("headline", "consequence", "statement", "label", "name", "notes"):
        if words := getattr(claim, name, ""):
            return str(words)
    return ""


def _url_of(claim: Claim) -> str:
    if isinstance(claim, TestRun):
        return ""
    return claim.get_absolute_url()


def _bare_runs(case: Case) -> list[Gap]:
    found = []
    for action in case.load(actions.actions):
        for test in action.live_tests:
            for run in test.live_runs:
                if run.outcome == TestRun.Outcome.PASSED and not run.evidence:
                    found.append(
                        Gap(
                            title=f"{run.ref} of {action.ref} has no artifact",
                            where="Control tests",
                            unproven=test.pass_condition or test.procedure,
                            accepted_by="",
                            url=run.get_absolute_url(),
                        )
                    )
    return found
