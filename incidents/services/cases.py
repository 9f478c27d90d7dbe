"""The case format: a whole incident as one JSON file, out and in (decisions 1 to 6).

The member `record` in canonical form is exactly what the content hash covers. What
stands beside it (number, status, approvals, seal, names of people) is not hashed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from copy import deepcopy
from functools import cache, partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from accounts.services import stand_in
from incidents import activity, permissions
from incidents.models import Incident
from incidents.services.lifecycle import next_incident_number, store_numbered
from incidents.services.sight import cannot_see, is_blind, named_fields
from postmortem.lib.canonical import canonical_bytes, digest
from postmortem.lib.json_text import read_json
from postmortem.lib.persistence import service
from postmortem.lib.record import (
    ENOUGH_FAULTS,
    HIGHEST_GIVEN,
    IMPORT_REASON,
    SHAPES,
    Fault,
    Loader,
    MalformedCase,
    build_record,
    json_schema,
)

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError as SchemaError

FORMAT = "postmortem-case"
MAX_BYTES = 50 * 1024 * 1024
MAX_DEPTH = 40
MOST_VALUES = 1_000_000
INC_REF = re.compile(r"^INC-([1-9]\d{0,8})$")
# What an imported case may be at most: import grants nothing (decision 4).
LANDING = {
    "active": Incident.Status.ACTIVE,
    "stabilized": Incident.Status.STABILIZED,
    "in_review": Incident.Status.IN_REVIEW,
    "closed": Incident.Status.IN_REVIEW,
    "cancelled": Incident.Status.CANCELLED,
}


def case_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a case file; `docs/case.schema.json` is this."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Postmortem case",
        "type": "object",
        "required": ["format", "record"],
        "properties": {
            "format": {"const": FORMAT},
            "content_hash": {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
            "ref": {"type": ["string", "null"], "pattern": INC_REF.pattern},
            "source_ref": {"type": ["string", "null"], "maxLength": 40},
            "status": {"enum": [*LANDING, None]},
            "people": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": {
                        "name": {"type": ["string", "null"], "maxLength": 120},
                        "title": {"type": ["string", "null"], "maxLength": 120},
                    },
                    "additionalProperties": False,
                },
            },
            "attested": {"type": "object"},
            "record": json_schema(),
        },
    }


def export_case(incident: Incident) -> dict[str, Any]:
    """The case file of an incident, ready for `canonical_bytes`."""
    record = build_record(incident)
    return {
        "format": FORMAT,
        "content_hash": digest(record),
        "ref": incident.key,
        "source_ref": incident.source_ref or None,
        "status": incident.status,
        "people": _people(_handles(record)),
        "attested": incident.attested,
        "record": record,
    }


def case_bytes(incident: Incident) -> bytes:
    """The bytes of the case file: canonical JSON with a line feed at the end."""
    return canonical_bytes(export_case(incident)) + b"\n"


def read_case(data: bytes) -> dict[str, Any]:
    """The case in a file, with its shape proven; MalformedCase lists every fault."""
    if len(data) > MAX_BYTES:
        raise MalformedCase(
            [Fault("$", f"The file is larger than {MAX_BYTES // 1024 // 1024} MB.")]
        )
    try:
        text = data.decode("utf-8-sig")
        case = read_json(text, most=MOST_VALUES, read_float=_no_float)
    except UnicodeDecodeError as error:
        raise MalformedCase(
            [Fault("$", f"The file is not UTF-8 text (byte {error.start}).")]
        ) from error
    except json.JSONDecodeError as error:
        raise MalformedCase(
            [
                Fault(
                    "$",
                    f"Not JSON: {error.msg} in line {error.lineno}, "
                    f"column {error.colno}.",
                )
            ]
        ) from error
    except RecursionError as error:
        raise MalformedCase([Fault("$", "The file is nested too deeply.")]) from error
    except ValueError as error:
        raise MalformedCase([Fault("$", str(error))]) from error
    return check_case(case)


def check_case(case: Any) -> dict[str, Any]:
    """Prove the shape of parsed JSON against the schema; all faults at once, with what
    is wrong in the rest of the file. Only the process that takes a case in loads what
    proves it."""
    from jsonschema import Draft202012Validator, FormatChecker

    faults = [*islice(_unstorable(case, "$", 0), ENOUGH_FAULTS)]
    if not faults:
        validator = Draft202012Validator(case_schema(), format_checker=FormatChecker())
        every = chain.from_iterable(map(_leaves, validator.iter_errors(case)))
        errors = [*islice(every, ENOUGH_FAULTS)]
        faults = [_fault(error) for error in errors]
        if 0 < len(faults) < ENOUGH_FAULTS:
            faults += _beside(case, errors)
    if faults:
        raise MalformedCase(faults)
    assert isinstance(case, dict)
    return case


@service
def import_case(*, actor: User, case: dict[str, Any]) -> Incident:
    """Store a case that `read_case` or `check_case` has passed; nothing on a fault.

    It lands in review at most; approvals and seal become 'attested elsewhere'; people
    nobody knows become inactive users; a taken number gets a new one and the old is
    kept as `source_ref`. The same case a second time is refused by its UUID.
    """
    permissions.require(actor, "incident.import")
    record = case["record"]
    incident = _new_incident(case)
    known = Incident.objects.filter(uuid=incident.uuid).first()
    if known is not None:
        where = f", as {known.key}" if known.is_visible_to(actor) else ""
        raise ValidationError(
            f"This case has been imported already{where}.", code="already_imported"
        )
    names = case.get("people") or {}
    people: dict[str, User] = {}

    def person(handle: str) -> User:
        handle = " ".join(handle.split())
        if handle not in people:
            given = names.get(handle) or {}
            people[handle] = stand_in(
                handle, name=given.get("name") or "", title=given.get("title") or ""
            )
        return people[handle]

    loader = Loader(incident, actor=actor, person=person)
    incident.extra = _unknown_sections(record)
    loader.read_incident(record["incident"])
    opened = (record.get("review") or {}).get("opened_at")
    if opened and incident.status == Incident.Status.IN_REVIEW:
        field = Incident._meta.get_field("in_review_at")
        loader.set_value(incident, field, opened, "$.record.review.opened_at")
        now = timezone.now()
        incident.in_review_at = min(incident.in_review_at or now, now)
    if not loader.faults:
        store_numbered(
            incident,
            lambda: _give_number(incident, case),
            actor=actor,
            reason=IMPORT_REASON,
        )
    loader.load(record)
    if not loader.faults:
        loader.faults += _blind(incident, record, loader)
    if loader.faults:
        raise MalformedCase(loader.faults)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.case_imported",
        sentence=f"imported the case as {incident.key}"
        + (f", elsewhere {incident.source_ref}" if incident.source_ref else ""),
        data={"file_hash": case.get("content_hash") or ""},
    )
    return incident


def _blind(incident: Incident, record: dict[str, Any], loader: Loader) -> list[Fault]:
    """Whoever is named by a row that stands, is known here and cannot see the case."""
    found = []
    cannot = cache(partial(is_blind, incident))
    for shape in SHAPES.values():
        names = [n for n in shape.fields if n in named_fields(shape.model)]
        data = record.get(shape.name) if names else None
        for index, item in enumerate([data] if shape.single and data else data or []):
            for name in names if not item.get("retracted_at") else ():
                user = loader.person(item[name]) if item.get(name) else None
                if user is not None and cannot(user):
                    words = cannot_see(incident, user)
                    found.append(Fault(loader.path(shape, index, name), words))
    return found


def _new_incident(case: dict[str, Any]) -> Incident:
    incident = Incident(attested=_attested(case))
    given = case["record"]["incident"].get("uuid")
    if given:
        try:
            incident.uuid = UUID(given)
        except ValueError as error:
            raise MalformedCase(
                [Fault("$.record.incident.uuid", f"“{given}” is not a UUID.")]
            ) from error
    _give_number(incident, case)
    incident.status = LANDING[case.get("status") or Incident.Status.IN_REVIEW]
    if incident.status == Incident.Status.IN_REVIEW:
        incident.in_review_at = timezone.now()
    return incident


def _give_number(incident: Incident, case: dict[str, Any]) -> None:
    """The number that the file says where it is free here, else the next one."""
    ref = INC_REF.match(case.get("ref") or "")
    number = int(ref.group(1)) if ref else 0
    # The next incident counts on from the highest number, which stays a key of ours.
    free = (
        0 < number <= HIGHEST_GIVEN
        and not Incident.objects.filter(number=number).exists()
    )
    incident.number = number if free else next_incident_number()
    incident.source_ref = case.get("source_ref") or (
        "" if free or not ref else ref.group(0)
    )


def _attested(case: dict[str, Any]) -> dict[str, Any]:
    """Approvals and status as they were said elsewhere: shown, never counted."""
    said = dict(case.get("attested") or {})
    if case.get("status") == "closed":
        said["status"] = "closed"
    return said


def _unknown_sections(record: dict[str, Any]) -> dict[str, Any]:
    unknown = {k: v for k, v in record.items() if k not in SHAPES and k != "schema"}
    return {"sections": unknown} if unknown else {}


def _people(handles: Iterable[str]) -> dict[str, dict[str, str | None]]:
    return {
        user.handle: {"name": user.name or None, "title": user.title or None}
        for user in User.objects.filter(handle__in=list(handles))
    }


def _handles(record: dict[str, Any]) -> set[str]:
    """Every person named in a record."""
    found: set[str] = set()
    for shape in SHAPES.values():
        data = record[shape.name]
        rows = data if isinstance(data, list) else [data] if data else []
        for name in shape.all_fields:
            target = shape.model_field(name).related_model
            if target is User:
                found |= {row[name] for row in rows if row[name]}
    return found


def _no_float(text: str) -> Any:
    raise ValueError(
        f"{text} is a decimal number; the format has none. Write amounts as text, "
        'such as "412860.20".'
    )


def _unstorable(value: Any, path: str, depth: int) -> Iterable[Fault]:
    """What JSON allows but no database stores: NUL, lone surrogates, huge integers."""
    if depth > MAX_DEPTH:
        yield Fault(path, f"nested more than {MAX_DEPTH} levels deep.")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _unstorable(key, path, depth + 1)
            yield from _unstorable(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unstorable(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, str):
        if "\x00" in value:
            yield Fault(path, "holds a NUL character.")
        if any("\ud800" <= char <= "\udfff" for char in value):
            yield Fault(path, "holds half of a Unicode pair.")
    elif isinstance(value, float):
        yield Fault(path, "is a decimal number; write it as text.")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield Fault(path, "is too large a number.")


def _beside(case: Any, errors: list[SchemaError]) -> list[Fault]:
    """What is wrong in a file beside these errors of its shape, so that nobody has to
    mend it in rounds: it is read without them, and nothing of it is stored."""
    record = case.get("record") if isinstance(case, dict) else None
    if not isinstance(record, dict):
        return []
    rest = deepcopy(record)
    for error in errors:
        _cut(rest, error)
    if not isinstance(rest.get("incident"), dict):
        rest["incident"] = {}
    person = cache(lambda handle: User(handle=handle))
    loader = Loader(Incident(), actor=User(), person=person)
    # With a fault in it from the start, the loader stores nothing.
    loader.faults = [_fault(error) for error in errors]
    loader.spoiled = {_path(_row(error)) for error in errors}
    loader.read_incident(rest["incident"])
    loader.load(rest)
    told = {place for error in errors for place in _places(error)}
    return [
        fault
        for fault in loader.faults[len(errors) :]
        if told.isdisjoint(_steps_to(fault.path))
    ]


def _steps_to(path: str) -> Iterable[str]:
    """A JSON path and those above it: `$`, `$.record`, `$.record.entries`, …"""
    return (path[: end.start()] for end in re.finditer(r"(?=[.[])|$", path))


def _row(error: SchemaError) -> list[str | int]:
    """The steps to the row, or the section that is one object, of an error."""
    steps = [*error.absolute_path]
    return steps[:3] if len(steps) > 2 and isinstance(steps[2], int) else steps[:2]


def _cut(record: dict[str, Any], error: SchemaError) -> None:
    """Take what has not its shape out of a record: a value, else the row or section."""
    steps, depth = [*error.absolute_path], len(_row(error)) + 1
    is_absent = error.validator == "required" and len(steps) < depth
    if steps[:1] != ["record"] or len(steps) < 2 or is_absent:
        return
    *way, last = steps[1:depth]
    holder: Any = record
    for step in way:
        holder = holder[step]
    if isinstance(last, int):
        holder[last] = {}
    else:
        holder.pop(last, None)


def _leaves(error: SchemaError) -> Iterable[SchemaError]:
    """The errors that say what is wrong. Only `single` sections have branches: the one
    that is not about null."""
    if error.validator == "anyOf" and error.context:
        for inner in error.context:
            if inner.validator != "type" or inner.validator_value != "null":
                yield from _leaves(inner)
    else:
        yield error


def _places(error: SchemaError) -> list[str]:
    """The JSON paths that an error speaks of."""
    path = _path(error.absolute_path)
    if error.validator != "required":
        return [path]
    wanted: Any = error.validator_value
    there: Any = error.instance
    return [f"{path}.{name}" for name in wanted if name not in there]


def _path(steps: Iterable[str | int]) -> str:
    return "$" + "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps
    )


def _fault(error: SchemaError) -> Fault:
    """One schema error in the words of a person, with its JSON path."""
    path = _path(error.absolute_path)
    shown = _short(error.instance)
    wanted: Any = error.validator_value
    match error.validator:
        case "required":
            return Fault(
                path, error.message.replace("'", "“", 1).replace("'", "”", 1) + "."
            )
        case "enum":
            allowed = ", ".join("null" if v is None else str(v) for v in wanted)
            return Fault(path, f"{shown} is not one of: {allowed}.")
        case "type":
            words = wanted if isinstance(wanted, str) else " or ".join(wanted)
            return Fault(path, f"{shown} is not of type {words}.")
        case "pattern":
            return Fault(
                path, f"{shown} does not have the form {error.validator_value}."
            )
        case "const":
            return Fault(path, f"{shown} should be {error.validator_value!r}.")
        case "maxLength":
            return Fault(path, f"is longer than {error.validator_value} characters.")
        case _:
            return Fault(path, f"{shown}: {error.message[:200]}.")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
