"""What every write verb of a case is made of: the incident's lock, numbered rows,
edits under an optimistic lock, retraction, evidence links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Max
from django.utils import timezone

from accounts.models import User
from incidents import activity, permissions
from incidents.models import (
    CaseRecord,
    CaseRelation,
    Claim,
    Evidence,
    EvidenceLink,
    Incident,
)
from incidents.services.sight import named_fields, require_sight
from postmortem.lib.canonical import plain
from postmortem.lib.errors import InvalidTransition, StaleVersion, field_error
from postmortem.lib.fields import is_blank
from postmortem.lib.persistence import save, save_many, service, validate

C = TypeVar("C", bound=CaseRecord)

# Default of an edit's keyword: the field was not sent and stays as it is.
KEEP: Any = object()


def given(**fields: Any) -> dict[str, Any]:
    """The fields of an edit that were sent."""
    return {name: value for name, value in fields.items() if value is not KEEP}


def require_reason(reason: str, words: str, *, field: str = "reason") -> str:
    """A verb that needs its reason: `words` completes 'Say why …'."""
    if is_blank(reason):
        raise field_error(field, f"Say why {words}.", "required")
    return activity.plain_reason(reason.strip(), field=field)


def lock_incident(incident_id: int, *, actor: User, permission: str) -> Incident:
    """The incident, locked for this transaction, once `actor` may do this to it.

    Every write service starts here: 'closed means frozen' survives a concurrent edit
    because the status is read under the lock. An invisible incident is refused like a
    missing one.
    """
    incident = (
        Incident.objects.select_for_update(of=("self",)).filter(pk=incident_id).get()
    )
    if not incident.is_visible_to(actor):
        raise PermissionDenied("There is no such incident.")
    permissions.require(actor, permission, incident)
    return incident


def hold_incident(incident_id: int) -> Incident:
    """The incident, locked for this transaction, for a look before a service acts: what
    is read now still holds when the service takes the same lock."""
    return Incident.objects.select_for_update(of=("self",)).get(pk=incident_id)


def next_number(model: type[CaseRecord], incident: Incident) -> int:
    """The next number of this kind in this incident; the lock makes it race-free."""
    highest = model._default_manager.filter(incident=incident).aggregate(
        highest=Max("number")
    )["highest"]
    return (highest or 0) + 1


def add_record(row: C, *, actor: User) -> C:
    """Number, stamp and store a new row of `row.incident`."""
    row.number = next_number(type(row), row.incident)
    row.recorded_at = timezone.now()
    row.recorded_by = actor
    require_sight(row, named_fields(type(row)))
    return save(row, actor=actor)


def add_first_records(rows: Sequence[C], *, actor: User) -> list[C]:
    """Number, stamp and store the first rows of a kind in a new incident, in two
    statements. The caller has seen to it that they do not collide with each other."""
    for number, row in enumerate(rows, start=1):
        row.number = number
        row.recorded_at = timezone.now()
        row.recorded_by = actor
        validate(row, new=True)
    return save_many(rows, actor=actor)


def get_record(model: type[C], incident: Incident, number: int) -> C:
    """One row, re-read under the lock; raises DoesNotExist. A withdrawn one is only
    read: every verb on it is refused."""
    row = model._default_manager.get(incident=incident, number=number)
    refuse_withdrawn(row)
    row.incident = incident
    return row


def refuse_withdrawn(row: CaseRecord) -> None:
    """Say of a row that was withdrawn why nothing more is done to it."""
    if row.is_retracted:
        raise InvalidTransition(
            f"{row.ref} was withdrawn ({row.retraction_reason}): it stays in the "
            "record as it is. Add a new one instead.",
            code="retracted",
        )


def require_own(incident: Incident, field: str, *rows: CaseRecord | None) -> None:
    """Refuse what belongs to another incident."""
    for row in rows:
        if row is not None and row.incident_id != incident.pk:
            raise field_error(field, f"{row.ref} belongs to another incident.")


def require_live(incident: Incident, field: str, *rows: CaseRecord | None) -> None:
    """Refuse what belongs to another incident or was withdrawn."""
    require_own(incident, field, *rows)
    for row in rows:
        if row is not None and row.is_retracted:
            raise field_error(field, f"{row.ref} was withdrawn; choose another.")


def change_record(
    row: CaseRecord | Incident,
    changes: dict[str, Any],
    *,
    actor: User,
    version: int | None,
    reason: str = "",
) -> dict[str, list[Any]]:
    """Apply `changes` to a row and store it; returns {field: [old, new]} of what moved.

    version: the one the person read. If somebody saved in between, StaleVersion carries
    what is stored now, and nothing is written. None: the caller did not read one (API
    without If-Match).
    """
    if version is not None and version != row.version:
        raise StaleVersion(
            f"{row.ref or 'This'} was changed by somebody else while you were editing. "
            "Nothing was overwritten: compare both texts and save again.",
            current={name: shown(getattr(row, name)) for name in changes},
        )
    moved: dict[str, list[Any]] = {}
    for name, value in changes.items():
        old = getattr(row, name)
        if old != value:
            moved[name] = [shown(old), shown(value)]
            setattr(row, name, value)
    if moved:
        if isinstance(row, CaseRecord):
            require_sight(row, moved)
        save(row, actor=actor, reason=reason)
    return moved


def note_joined(
    row: CaseRecord,
    moved: dict[str, list[Any]],
    name: str,
    change: list[list[str]],
    *,
    actor: User,
) -> None:
    """In an edit: what was joined to a row, or taken away, is another version of it, so
    that an edit from the version before is refused and undoes nothing unseen.

    moved: what `change_record` returned; it tells of this too. change: the refs of
    before and after, empty where nothing moved.
    """
    if change:
        if not moved:
            save(row, actor=actor)
        moved[name] = change


def words_of(row: models.Model, names: Iterable[str]) -> str:
    """The fields of an edit as people call them: 'summary, restricted'. What is joined
    to a row is none of its fields and goes by its own name."""
    known = {field.name: str(field.verbose_name) for field in row._meta.fields}
    return ", ".join(known.get(name, name.replace("_", " ")) for name in names)


def tell_edit(
    row: CaseRecord, moved: dict[str, list[Any]], *, actor: User, noun: str
) -> None:
    """The activity of an edit, with what moved; an edit that moved nothing leaves no
    trace."""
    if moved:
        activity.record(
            row.incident,
            actor=actor,
            verb=f"{row._meta.app_label}.{noun}_edited",
            sentence=f"edited {row.ref}: {words_of(row, moved)}",
            subject=row,
            data={"changes": moved},
        )


def shown(value: Any) -> Any:
    """A value as activity and conflict pages show it: a ref, a handle, plain text."""
    if isinstance(value, CaseRecord):
        return value.ref
    if isinstance(value, User):
        return value.handle
    return plain(value)


def withdraw(row: C, *, actor: User, reason: str) -> C:
    """Take a row out of what is in force, inside a service (no activity of its own). It
    stays in the record, struck through."""
    row.retracted_at = timezone.now()
    row.retracted_by = actor
    row.retraction_reason = reason
    return save(row, actor=actor, reason=reason)


@service
def retract_record(
    *,
    incident_id: int,
    actor: User,
    model: type[C],
    number: int,
    reason: str,
    permission: str,
) -> C:
    """Withdraw a row with a reason."""
    incident = lock_incident(incident_id, actor=actor, permission=permission)
    row = get_record(model, incident, number)
    reason = require_reason(reason, "it is withdrawn")
    withdraw(row, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb=f"{model._meta.app_label}.{model._meta.model_name}_retracted",
        sentence=f"withdrew {row.ref}",
        subject=row,
        reason=reason,
    )
    return row


def set_evidence(
    claim: Claim | CaseRecord,
    evidence: Iterable[Evidence],
    *,
    actor: User,
    keep: bool = True,
    **fields: Any,
) -> list[EvidenceLink]:
    """Link evidence to a claim inside a service (no activity of its own).

    keep=False also withdraws links to evidence that is not in the list. Evidence of
    another incident is refused. `fields` are link fields such as note or stance.
    """
    model: Any = claim.evidence_links.model  # type: ignore[union-attr]
    wanted = list(evidence)
    require_own(claim.incident, "evidence", *wanted)
    if not wanted and keep:
        return []
    present = {link.evidence_id: link for link in model.objects.filter(claim=claim)}
    made = []
    for item in wanted:
        link = present.get(item.pk)
        if link is None:
            link = model(
                incident=claim.incident,
                claim=claim,
                evidence=item,
                linked_by=actor,
                **fields,
            )
        elif link.retracted_at is None and all(
            getattr(link, name) == value for name, value in fields.items()
        ):
            continue
        else:
            link.retracted_at = None
            for name, value in fields.items():
                setattr(link, name, value)
        made.append(save(link, actor=actor))
    if not keep:
        ids = {item.pk for item in wanted}
        for link in present.values():
            if link.evidence_id not in ids and link.retracted_at is None:
                link.retracted_at = timezone.now()
                save(link, actor=actor)
    return made


def linked_refs(row: CaseRecord) -> list[str]:
    """The artifacts that a row rests on now, in the order of their numbers."""
    links = row.evidence_links.filter(retracted_at=None)  # type: ignore[attr-defined]
    numbers = links.order_by("evidence__number").values_list(
        "evidence__number", flat=True
    )
    return [f"{Evidence.prefix}-{number}" for number in numbers]


def replace_evidence(
    row: CaseRecord,
    evidence: Iterable[Evidence],
    moved: dict[str, Any],
    *,
    actor: User,
) -> None:
    """In an edit: the row rests on exactly these artifacts; KEEP leaves them. Other
    artifacts are another version of the row."""
    if evidence is KEEP:
        return
    before = linked_refs(row)
    set_evidence(row, evidence, actor=actor, keep=False)
    after = linked_refs(row)
    change = [before, after] if after != before else []
    note_joined(row, moved, "evidence", change, actor=actor)


def set_relations(
    model: type[CaseRelation],
    source: CaseRecord,
    targets: Iterable[CaseRecord],
    *,
    actor: User,
    source_name: str,
    target_name: str,
    field: str,
) -> list[list[str]]:
    """Make the joined rows of `source` exactly `targets` (inside a service); the refs
    of before and after, or nothing where they are the same. field: what named them."""
    wanted = {target.pk: target for target in targets}
    require_live(source.incident, field, *wanted.values())
    rows = model._default_manager.filter(**{source_name: source})
    present = {
        getattr(row, f"{target_name}_id"): row
        for row in rows.select_related(target_name)
    }
    before = [
        getattr(row, target_name)
        for row in present.values()
        if row.retracted_at is None
    ]
    for pk, target in wanted.items():
        row = present.get(pk)
        if row is None:
            row = model(
                incident=source.incident, **{source_name: source, target_name: target}
            )
        elif row.retracted_at is None:
            continue
        row.retracted_at = None
        save(row, actor=actor)
    for pk, row in present.items():
        if pk not in wanted and row.retracted_at is None:
            row.retracted_at = timezone.now()
            save(row, actor=actor)
    if {row.pk for row in before} == wanted.keys():
        return []
    return [_refs(before), _refs(wanted.values())]


def _refs(rows: Iterable[CaseRecord]) -> list[str]:
    return [row.ref for row in sorted(rows, key=lambda row: row.number)]


@service
def link_evidence(
    *,
    incident_id: int,
    actor: User,
    model: type[C],
    number: int,
    evidence: list[Evidence],
    permission: str,
    note: str = "",
) -> C:
    """Say that a claim rests on these artifacts too. Said again, it leaves no trace."""
    incident = lock_incident(incident_id, actor=actor, permission=permission)
    claim = get_record(model, incident, number)
    if not evidence:
        raise field_error("evidence", "Choose the evidence.", "required")
    fields: dict[str, Any] = {"note": note} if note else {}
    if set_evidence(claim, evidence, actor=actor, **fields):
        refs = ", ".join(item.ref for item in evidence)
        activity.record(
            incident,
            actor=actor,
            verb=f"{model._meta.app_label}.evidence_linked",
            sentence=f"linked {refs} to {claim.ref}",
            subject=claim,
        )
    return claim


@service
def unlink_evidence(
    *,
    incident_id: int,
    actor: User,
    model: type[C],
    number: int,
    evidence: Evidence,
    reason: str,
    permission: str,
) -> C:
    """Withdraw a link with a reason; the artifact itself stays."""
    incident = lock_incident(incident_id, actor=actor, permission=permission)
    claim = get_record(model, incident, number)
    reason = require_reason(reason, "the link is withdrawn")
    link = claim.evidence_links.get(evidence=evidence, retracted_at=None)  # type: ignore[attr-defined]
    link.retracted_at = timezone.now()
    save(link, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb=f"{model._meta.app_label}.evidence_unlinked",
        sentence=f"withdrew {evidence.ref} from {claim.ref}",
        subject=claim,
        reason=reason,
    )
    return claim
