"""Checks of evidence (R-EV)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from incidents import selectors
from incidents.checks.base import form, short
from incidents.models import Evidence, Incident, LinkCheck
from postmortem.lib.findings import Case, Level, Problem, Row, check

Kind = Evidence.Kind
# The rows of artifacts that a review rests on: words, kinds, what they show.
ARTIFACT_ROWS = (
    ("timeline notes", {Kind.NOTES, Kind.CHAT}, "the sequence"),
    (
        "logs",
        {Kind.LOG_QUERY, Kind.EVENT, Kind.TRACE, Kind.CONTROL_LOG},
        "what happened",
    ),
    ("metrics snapshots", {Kind.METRIC}, "what happened and the impact"),
)


def _claims(case: Case) -> Iterator[tuple[Any, str, str]]:
    """The claims of the case file: row, its words, address of its form."""
    for scope in case.load(selectors.scope):
        url = form(case.incident, "scope_edit", scope.number)
        yield scope, f"Scope “{short(scope.consequence)}”", url
    for impact in case.load(selectors.impacts):
        url = form(case.incident, "impact_edit", impact.number)
        yield impact, f"{impact.get_kind_display()} impact", url
    for figure in case.load(selectors.figures):
        url = form(case.incident, "figure_edit", figure.number)
        yield figure, f"Figure “{short(figure.label)}”", url


@check(
    "EV001",
    "Evidence can be opened",
    level=Level.WARNING,
    requirements=("R-EV-07", "R-EV-10"),
    tab="Evidence",
)
def can_be_opened(case: Case) -> Iterator[Problem]:
    """Another reviewer must be able to open what a claim rests on. An artifact that is
    only named stays visible as a gap until its file or link is there."""
    for row in case.load(selectors.evidence):
        if row.is_openable or row.superseded_by_id is not None:
            continue
        if row.is_redacted:
            yield Problem(
                f"The content of “{short(row.title)}” was redacted; nobody can open it",
                subject=row,
                hint="Add a masked copy as an artifact of its own and supersede this "
                "one.",
                fix_label="Add masked copy",
                url=form(case.incident, "evidence_add"),
                inputs=(row.title, row.redacted_at),
            )
        else:
            yield Problem(
                f"“{short(row.title)}” is only named; nobody can open it",
                subject=row,
                hint="Attach the file or a durable link.",
                fix_label="Attach original",
                url=form(case.incident, "evidence_attach", row.number),
                inputs=(row.title,),
            )


@check(
    "EV002",
    "A claim rests on an original, not only on a later summary",
    level=Level.WARNING,
    requirements=("R-EV-04",),
    tab="Evidence",
    row=Row.IMPACT,
)
def not_only_summary(case: Case) -> Iterator[Problem]:
    """A summary written later restates what somebody remembers. It may stand after the
    originals, never instead of them."""
    for row, words, url in _claims(case):
        if row.rests_on_later_summary:
            refs = sorted(item.ref for item in row.evidence)
            yield Problem(
                f"{words} rests on a later summary only ({', '.join(refs)})",
                subject=row,
                hint="Attach a record that was captured during the incident.",
                fix_label="Attach original",
                url=url,
                inputs=tuple(refs),
            )


@check(
    "EV003",
    "Operational records are paired with finance records",
    level=Level.WARNING,
    requirements=("R-EV-08",),
    tab="Evidence",
    row=Row.IMPACT,
)
def money_is_paired(case: Case) -> Iterator[Problem]:
    """When payouts, refunds or the ledger were touched, the systems' record and the
    books' record have to be laid side by side: each alone may look fine."""
    money = case.load(selectors.money_lanes)
    cited = case.load(selectors.citations)
    rows = [r for r in case.load(selectors.evidence) if r.superseded_by_id is None]
    if money and not any(row.paired_with_id for row in rows):
        touched = [lane.name for lane in money]
        yield Problem(
            f"{', '.join(touched)} touched, but no operational record is paired with a "
            "finance record",
            hint="Pair, for example, the payout register with the bank's "
            "acknowledgement.",
            fix_label="Pair records",
            url=form(case.incident, "evidence_list", query="use=unpaired"),
            inputs=tuple(touched),
        )
        return
    for row in rows:
        missing = selectors.missing_pair(row, cited.get(row.pk, []))
        if missing:
            have = row.get_side_display().lower()
            yield Problem(
                f"{row.ref} is {_a(have)} without the {missing} record of the same "
                "matter",
                subject=row,
                hint="Each of the two alone may look fine.",
                fix_label="Pair",
                url=form(case.incident, "evidence_pair", row.number),
                inputs=(row.side, missing),
            )


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


@check(
    "EV004",
    "No claim rests on a superseded artifact",
    level=Level.INFO,
    requirements=("R-EV-05",),
    tab="Evidence",
)
def not_superseded(case: Case) -> Iterator[Problem]:
    """A better artifact took this one's place, so the claim should cite that."""
    cited = case.load(selectors.citations)
    for row in case.load(selectors.evidence):
        if row.superseded_by is None:
            continue
        better = selectors.uses_of(
            row.superseded_by, cited.get(row.superseded_by.pk, [])
        )
        moved_on = {use.claim for use in better}
        for use in selectors.uses_of(row, cited.get(row.pk, [])):
            if use.claim not in moved_on:
                yield Problem(
                    f"{use.ref} rests on {row.ref}, which was superseded by "
                    f"{row.superseded_by.ref}",
                    subject=use.claim,
                    hint="Link the artifact that took its place.",
                    fix_label="Relink",
                    url=use.url,
                    inputs=(row.ref,),
                )


@check(
    "EV005",
    "Each artifact supports a claim",
    level=Level.INFO,
    requirements=("R-EV-05",),
    tab="Evidence",
)
def supports_a_claim(case: Case) -> Iterator[Problem]:
    """An artifact that no claim cites is either not needed or tells something that the
    record does not say yet."""
    used = case.load(selectors.citations)
    loose = [
        row.ref
        for row in case.load(selectors.evidence)
        if row.pk not in used and row.superseded_by_id is None
    ]
    if loose:
        many = len(loose) > 1
        named = ", ".join(loose[:5]) + (" …" if len(loose) > 5 else "")
        yield Problem(
            f"{len(loose)} {'artifacts support' if many else 'artifact supports'} no "
            f"claim: {named}",
            hint="Link it to the entry, impact or cause that it shows.",
            fix_label="Show unlinked",
            url=form(case.incident, "evidence_list", query="use=unlinked"),
            inputs=tuple(loose),
        )


@check(
    "EV006",
    "Stored files are in place",
    level=Level.ERROR,
    requirements=("R-EV-07", "R-EV-09"),
    tab="Evidence",
)
def files_in_place(case: Case) -> Iterator[Problem]:
    """A file that the store has lost, or that has another size than when it was hashed,
    proves nothing. `manage.py verify` also computes every hash again."""
    cited = case.load(selectors.citations)
    for row, words in case.load(selectors.lost_files):
        yield Problem(
            f"The file of {row.ref} {words}",
            subject=row,
            hint="Restore it from the backup; its SHA-256 tells which one it is.",
            inputs=(row.sha256,),
        )
        for use in selectors.uses_of(row, cited.get(row.pk, [])):
            yield Problem(
                f"{use.ref} rests on {row.ref}, whose file {words}",
                subject=use.claim,
                hint="It proves nothing until the file is restored.",
                fix_label="Open",
                url=row.get_absolute_url(),
                inputs=(row.sha256,),
            )


def _coverage(case: Case) -> dict[str, Any]:
    """What an import says about how much of its source it holds (docs/case-format.md);
    it is kept as it came, so anything may stand there."""
    kept = case.incident.extra.get("coverage")
    return kept if isinstance(kept, dict) else {}


@check(
    "EV007",
    "The source is in the record as a whole",
    level=Level.INFO,
    requirements=("R-EV-10",),
    tab="Evidence",
)
def source_is_whole(case: Case) -> Iterator[Problem]:
    """Where a source was read in part, a gap here says nothing about the incident: what
    was left out stays visible."""
    coverage = _coverage(case)
    left = coverage.get("not_encoded")
    named = [str(item) for item in left] if isinstance(left, list) else []
    if coverage.get("basis") == "partial" or named:
        words = f"; left out: {'; '.join(named)}" if named else ""
        start = (
            "The source was read in part"
            if coverage.get("basis") == "partial"
            else "Not all of the source is in the record"
        )
        yield Problem(
            f"{start}{words}",
            hint="Add what is missing, or keep in mind that a gap may lie in the "
            "reading.",
            fix_label="Add evidence",
            url=form(case.incident, "evidence_list"),
            inputs=tuple(named),
        )


_DISAGREE = re.compile(
    r"[^.;]*\b(?:differ|disagree|contradict|conflict)(?:s|ed|ing)?\b[^.;]*"
)


@check(
    "EV008",
    "Sources disagree",
    level=Level.WARNING,
    requirements=("R-EV-10", "R-HY-03"),
    tab="Evidence",
)
def sources_disagree(case: Case) -> Iterator[Problem]:
    """Two sources that tell it differently cannot both be right. The contradiction
    stays in the record until an original settles it; nobody picks one silently."""
    note = _coverage(case).get("note")
    for found in _DISAGREE.finditer(note if isinstance(note, str) else ""):
        sentence = found.group().strip()
        yield Problem(
            f"{sentence[:1].upper()}{sentence[1:]}",
            hint="Link the original that settles it, or state it as a known unknown.",
            fix_label="State unknown",
            url=form(case.incident, "unknown_add"),
            inputs=(sentence,),
        )


@check(
    "EV009",
    "A durable link answers",
    level=Level.WARNING,
    requirements=("R-EV-07",),
    tab="Evidence",
)
def link_answers(case: Case) -> Iterator[Problem]:
    """A link is durable only while it opens. Links to listed hosts are asked once a
    day; one that no longer answers proves nothing to the next reader."""
    checks = case.load(selectors.link_checks)
    for row in case.load(selectors.evidence):
        found = checks.get(row.pk)
        if found and found.state == LinkCheck.State.BROKEN and not row.superseded_by_id:
            yield Problem(
                f"The link of {row.ref} is broken. {found.words}",
                subject=row,
                hint="Attach the file itself, or supersede it by a link that answers.",
                fix_label="Attach file",
                url=form(case.incident, "evidence_attach", row.number)
                if not row.sha256
                else "",
                inputs=(row.url, found.http_status),
            )


@check(
    "EV010",
    "Notes, logs and metrics are originals",
    level=Level.WARNING,
    requirements=("R-EV-01", "R-EV-02", "R-EV-03", "R-EV-04"),
    tab="Evidence",
)
def rows_of_artifacts(case: Case) -> Iterator[Problem]:
    """Timeline notes tell the sequence, logs what happened, metrics snapshots what it
    did. What was captured during the incident comes first; a summary written later
    restates it. Entries recorded live are notes already."""
    if case.incident.status in {Incident.Status.ACTIVE, Incident.Status.CANCELLED}:
        return
    live = [r for r in case.load(selectors.evidence) if r.superseded_by_id is None]
    for words, kinds, shows in ARTIFACT_ROWS:
        rows = [row for row in live if row.kind in kinds]
        if any(row.is_original for row in rows):
            continue
        refs = [row.ref for row in rows]
        if refs:
            yield Problem(
                f"{words.capitalize()} are there only as later summary "
                f"({', '.join(refs)})",
                hint="Add what was captured during the incident; keep the summary "
                "after it.",
                fix_label="Add original",
                url=form(case.incident, "evidence_add"),
                inputs=(words, *refs),
            )
        elif words != "timeline notes":
            yield Problem(
                f"No {words} in the record to show {shows}",
                hint="Add the original, or state as a known unknown why there is none.",
                fix_label="Add original",
                url=form(case.incident, "evidence_add"),
                inputs=(words,),
                level=Level.INFO,
            )


@check(
    "EV011",
    "A redaction that was asked for is decided",
    level=Level.WARNING,
    requirements=("R-EV-09",),
    tab="Evidence",
)
def redaction_is_decided(case: Case) -> Iterator[Problem]:
    """Content that must not be kept stays in the store until a second person confirms
    its deletion, or keeps it."""
    for row in case.load(selectors.evidence):
        if row.redaction_asked_at and not row.is_redacted:
            yield Problem(
                f"The redaction of {row.ref} waits for a second person",
                subject=row,
                hint=short(row.redaction_reason, 120),
                fix_label="Decide",
                inputs=(row.redaction_asked_at,),
            )
