"""From a foreign log to candidates: read whole and refused in a sentence before
anything is stored; kept as evidence; then each line not known yet is a candidate."""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from typing import IO, Any, cast

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.utils import timezone

from accounts.models import User
from incidents import activity, permissions
from incidents.models import Evidence, Incident
from incidents.services.core import lock_incident
from incidents.services.custody import open_evidence_file
from incidents.services.evidence import add_evidence
from incidents.services.files import safe_filename, settle_type, size_text
from incidents.services.redaction import also_forgets
from postmortem.lib import sensitive
from postmortem.lib.errors import InvalidTransition
from postmortem.lib.persistence import save, service
from postmortem.lib.tabs import clock_range
from postmortem.lib.times import on_clock, refuse_odd_year
from postmortem.lib.uploads import HEAD, receive
from timeline.models import Candidate, Import
from timeline.services.intake import chat, prose, slack, table
from timeline.services.intake.lines import (
    MAX_FILE,
    MAX_RAW,
    MAX_ROWS,
    Context,
    Line,
    Reader,
    Skipped,
    refuse,
    too_many,
)

Kind = Import.Reader
READERS: dict[str, Reader] = {
    Kind.SLACK: slack.read,
    Kind.TABLE: table.read,
    Kind.CHAT: chat.read,
    Kind.PROSE: prose.read,
}
EVIDENCE_KINDS = {
    Kind.SLACK: Evidence.Kind.CHAT,
    Kind.TABLE: Evidence.Kind.LOG_QUERY,
    Kind.CHAT: Evidence.Kind.CHAT,
    Kind.PROSE: Evidence.Kind.NOTES,
}
SHOWN, LEFT_OUT_SHOWN = 50, 20
BATCH = 500
# Of a candidate, so that its author fits before it in an entry.
LONGEST = 9_800
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Found:
    """A line as the candidate that it would become."""

    line: Line
    fingerprint: str


@dataclass
class Reading:
    """What a source holds: counts, its first rows, and what was left out and why.

    first, last: of the times that could be read. before, after: lines outside the
    incident's clock. known: lines that are candidates already.
    """

    reader: str
    day: date
    clock_zone: str
    lines: int = 0
    known: int = 0
    untimed: int = 0
    before: int = 0
    after: int = 0
    first: datetime | None = None
    last: datetime | None = None
    rows: list[tuple[Line, bool]] = field(default_factory=list)
    left_out: list[Skipped] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def skipped(self) -> int:
        return self.reasons.total()

    @property
    def why_skipped(self) -> list[tuple[str, int]]:
        return self.reasons.most_common()

    @property
    def new(self) -> int:
        return self.lines - self.known

    @property
    def label(self) -> str:
        return str(Kind(self.reader).label)


# --- what is read ---


def default_day(incident: Incident) -> date:
    """The day on which the incident began, on its clock."""
    start, _ = clock_range(incident)
    return on_clock(start or timezone.now(), incident.clock_zone).date()


def read_log(
    source: IO[bytes],
    *,
    incident: Incident,
    filename: str = "",
    reader: str = "",
    day: date | None = None,
) -> Reading:
    """The whole source once, storing nothing. ValidationError on `upload`: it cannot be
    taken, with the place. reader: '' finds out what it is."""
    reader = reader or guess_reader(source, filename)
    day = day or default_day(incident)
    reading = Reading(reader, day, incident.clock_zone)
    start, end = clock_range(incident)
    end = end or timezone.now()
    known = set(
        Candidate.objects.filter(incident=incident).values_list(
            "fingerprint", flat=True
        )
    )
    for row in _rows(source, reader, Context(incident.clock_zone, day, filename)):
        if isinstance(row, Skipped):
            reading.reasons[row.reason] += 1
            if len(reading.left_out) < LEFT_OUT_SHOWN:
                reading.left_out.append(row)
            continue
        at, is_known = row.line.occurred_at, row.fingerprint in known
        reading.lines += 1
        reading.known += is_known
        if at is None:
            reading.untimed += 1
        else:
            reading.first = min(reading.first or at, at)
            reading.last = max(reading.last or at, at)
            reading.before += start is not None and at < _minute(start)
            reading.after += at > end
        if len(reading.rows) < SHOWN:
            reading.rows.append((row.line, is_known))
    if not reading.lines:
        raise refuse("Nothing in this source is a message with words.", "empty")
    return reading


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def guess_reader(source: IO[bytes], filename: str = "") -> str:
    """What a source is, by its name and by how it begins."""
    source.seek(0)
    head = source.read(HEAD)
    source.seek(0)
    name = filename.lower()
    if head.startswith(b"PK\x03\x04") or name.endswith((".json", ".zip")):
        return Kind.SLACK
    if name.endswith((".csv", ".tsv")):
        return Kind.TABLE
    wide = head[:2] in {b"\xff\xfe", b"\xfe\xff"}
    text = head.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    if re.match(r"\s*[\[{]\s*[\[{\"\]]", text) and not name.endswith(".md"):
        return Kind.SLACK
    header = {part.strip(' "').lower() for part in re.split(r"[,;\t|]", _first(text))}
    if header & set(table.TEXT) and header & {*table.TIME, *table.DAY}:
        return Kind.PROSE if _first(text).startswith("|") else Kind.TABLE
    if name.endswith((".md", ".markdown")):
        return Kind.PROSE
    # A chat names who speaks; an old timeline has bullets and headings.
    lines = text.splitlines()[:200]
    spoken = sum(1 for line in lines if chat.names_author(line))
    return Kind.CHAT if spoken * 3 >= sum(map(bool, lines)) else Kind.PROSE


def _first(text: str) -> str:
    return text.lstrip().partition("\n")[0]


def _rows(
    source: IO[bytes], reader: str, context: Context, *, is_clean: bool = False
) -> Iterator[Found | Skipped]:
    """Tidied lines with their fingerprints. Refused: card numbers and secrets with
    their place, in what is skipped too, and more lines than are read here. is_clean:
    these bytes were looked through just now."""
    source.seek(0)
    is_archive = zipfile.is_zipfile(source)
    source.seek(0)
    seen: Counter[bytes] = Counter()
    count = 0
    for row in READERS[reader](source, context):
        count += 1
        if count > MAX_ROWS:
            raise too_many()
        if isinstance(row, Skipped):
            yield row
            continue
        line = _tidied(row)
        if not line.text:
            yield Skipped(line.place, "without text")
            continue
        if not is_clean:
            # The members of an archive are looked through whole, below.
            raw = "" if is_archive else line.raw
            _refuse_sensitive(f"{line.author}\n{line.text}\n{raw}", line.place)
        when = line.occurred_at.isoformat() if line.occurred_at else line.at_text
        said = hashlib.sha256(
            "\x1f".join((when, line.author, line.text)).encode()
        ).digest()
        seen[said] += 1
        yield Found(line, _fingerprint(said, seen[said]))
    if is_archive and not is_clean:
        _refuse_sensitive_members(source)


def _fingerprint(said: bytes, occurrence: int) -> str:
    return hashlib.sha256(said + str(occurrence).encode()).hexdigest()[:32]


def _tidied(line: Line) -> Line:
    """What a text field may hold, and a time that a record can mean."""
    text = _plain(line.text)
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 1]}…"
    at, until, precision = line.occurred_at, line.until, line.precision
    at_text = " ".join(_plain(line.at_text).split())
    try:
        refuse_odd_year(at)
    except ValidationError:
        at_text, at = f"the year {at.year}" if at else "", None
    if at is None:
        until, precision = None, "unknown"
        at_text = at_text or "no time in the source"
    elif until is not None and until < at:
        until = None
    return replace(
        line,
        place=_plain(line.place)[:200],
        occurred_at=at,
        until=until,
        precision=precision,
        author=" ".join(_plain(line.author).split())[:120],
        text=text,
        raw=_plain(line.raw)[:MAX_RAW],
        at_text=at_text[:120],
    )


def _plain(text: str) -> str:
    """Text without control characters and halves of pairs, which no field holds."""
    text = text.encode("utf-8", "replace").decode().replace("\r\n", "\n")
    return _CONTROL.sub("", unicodedata.normalize("NFC", text)).strip()


def _refuse_sensitive(text: str, place: str) -> None:
    for hit in sensitive.find(text):
        raise refuse(sensitive.words(hit, f" in {place}"), hit.code)


def _refuse_sensitive_members(source: IO[bytes]) -> None:
    """The members of an archive, whatever they are: notices, profiles, long lines. Text
    files are read through when they are stored."""
    source.seek(0)
    with zipfile.ZipFile(source) as archive:
        for item in archive.infolist():
            _refuse_sensitive(item.filename, "the name of a file in this ZIP")
            if item.is_dir():
                continue
            try:
                _refuse_sensitive_member(archive, item)
            except slack.DAMAGED as error:
                raise refuse(
                    f"“{item.filename[:80]}” in this ZIP cannot be unpacked. Make the "
                    "export again; nothing was read."
                ) from error


def _refuse_sensitive_member(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> None:
    with archive.open(item) as member:
        text = io.TextIOWrapper(member, encoding="utf-8", errors="replace")
        if found := sensitive.find_in(text):
            hit, _ = found
            raise refuse(sensitive.words(hit, f" in “{item.filename[:80]}”"), hit.code)


# --- what is stored ---


def take_source(
    *,
    incident_id: int,
    actor: User,
    upload: File[Any] | None = None,
    text: str = "",
    reader: str = "",
    day: date | None = None,
    is_original: bool | None = None,
) -> tuple[Evidence, Reading]:
    """Keep a log as evidence once it has been read whole. The same file twice is one
    artifact. is_original: None takes an old timeline as a later summary, the rest as
    original records."""
    incident = Incident.objects.visible_to(actor).get(pk=incident_id)
    permissions.require(actor, "evidence.add", incident)
    permissions.require(actor, "timeline.add", incident)
    upload = as_upload(upload, text, reader)
    reading = look_at(upload, incident=incident, reader=reader, day=day)
    with receive(upload) as source:
        there = (
            Evidence.objects.filter(
                incident=incident,
                sha256=source.sha256,
                retracted_at=None,
                redacted_at=None,
            )
            .order_by("number")
            .first()
        )
        if there is not None:
            there.incident = incident
            return there, reading
        row = add_evidence(
            incident_id=incident_id,
            actor=actor,
            kind=EVIDENCE_KINDS[Kind(reading.reader)],
            title=safe_filename(source.name or "") if not text else "Pasted log",
            upload=source,
            is_original=reading.reader != Kind.PROSE
            if is_original is None
            else is_original,
        )
    return row, reading


def refuse_two_sources(upload: File[Any] | None, text: str) -> None:
    """An artifact that is there is read as it is: nothing is sent along with it."""
    if upload is not None or text.strip():
        raise ValidationError(
            {
                "evidence": ValidationError(
                    "Give the artifact that is there, or a file or text, not both: "
                    "each is its own artifact. Nothing was read.",
                    code="invalid",
                )
            }
        )


def as_upload(upload: File[Any] | None, text: str, reader: str = "") -> File[Any]:
    """The file, or the pasted text as one."""
    if upload is not None and text.strip():
        raise ValidationError(
            {
                "text": ValidationError(
                    "Give the file or the text, not both: each is its own artifact.",
                    code="invalid",
                )
            }
        )
    if upload is not None:
        return upload
    if not text.strip():
        raise refuse("Choose a file, or paste the log below.", "required")
    suffix = {Kind.SLACK: "json", Kind.TABLE: "csv", Kind.PROSE: "md"}
    name = f"pasted-log.{suffix.get(Kind(reader), 'txt') if reader else 'txt'}"
    return ContentFile(text.encode("utf-8", "replace"), name=name)


def look_at(
    upload: File[Any], *, incident: Incident, reader: str = "", day: date | None = None
) -> Reading:
    """What an upload holds, storing nothing: the preview before there is evidence."""
    refuse_no_log(upload)
    name = safe_filename(upload.name or "")
    return read_log(
        cast(IO[bytes], upload),
        incident=incident,
        filename=name,
        reader=reader,
        day=day,
    )


def refuse_no_log(upload: File[Any]) -> None:
    """What its size, its name and its first bytes tell before it is read."""
    size = upload.size or 0
    name = safe_filename(upload.name or "")
    if not size:
        raise refuse(f"“{name}” is empty (0 bytes). Check the export.", "empty_file")
    if size > MAX_FILE:
        raise refuse(
            f"“{name}” has {size_text(size)}; at most {size_text(MAX_FILE)} are read. "
            "Export fewer days.",
            "too_large",
        )
    upload.seek(0)
    head = upload.read(HEAD)
    media_type = settle_type(name, head)  # a name that lies is refused with both types
    if media_type.startswith(("image/", "audio/", "video/")) or media_type in {
        "application/pdf"
    }:
        raise refuse(
            f"“{name}” is {media_type}: that is no log. Add it as evidence instead.",
            "no_log",
        )


def read_stored(
    evidence: Evidence, *, actor: User, reader: str = "", day: date | None = None
) -> Reading:
    """The preview of an artifact's file, as often as somebody asks."""
    opened = open_evidence_file(evidence, actor=actor, purpose="preview")
    with opened.handle as handle:
        return read_log(
            handle,
            incident=evidence.incident,
            filename=evidence.filename,
            reader=reader,
            day=day,
        )


def import_log(
    *,
    incident_id: int,
    actor: User,
    evidence: Evidence,
    reader: str = "",
    day: date | None = None,
) -> Import:
    """Make a candidate of every line of an artifact that is not one yet.

    The file is read whole before the transaction begins, and the incident is locked
    only when the lines are in: nobody who records waits for a long log. Rights and
    status are asked again under the lock; a refusal leaves nothing.
    """
    incident = Incident.objects.visible_to(actor).get(pk=incident_id)
    permissions.require(actor, "timeline.add", incident)
    refuse_source(incident, evidence)
    evidence.incident = incident
    opened = open_evidence_file(evidence, actor=actor, purpose="preview")
    with opened.handle as handle:
        reading = read_log(
            handle,
            incident=incident,
            filename=evidence.filename,
            reader=reader,
            day=day,
        )
        return _import(
            incident_id=incident_id,
            actor=actor,
            evidence=evidence,
            handle=handle,
            reading=reading,
        )


@service
def _import(
    *,
    incident_id: int,
    actor: User,
    evidence: Evidence,
    handle: IO[bytes],
    reading: Reading,
) -> Import:
    """The half of `import_log` that stores."""
    made = Import(
        incident=evidence.incident,
        evidence=evidence,
        reader=reading.reader,
        day=reading.day,
        clock_zone=reading.clock_zone,
        read=reading.lines,
        added=0,
        known=0,
        skipped=reading.skipped,
        imported_by=actor,
        imported_at=timezone.now(),
    )
    save(made, actor=actor)
    context = Context(reading.clock_zone, reading.day, evidence.filename)
    _store(made, _rows(handle, reading.reader, context, is_clean=True))
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    # Asked again behind the lock: withdrawn or redacted meanwhile, nothing stays.
    evidence.refresh_from_db()
    refuse_source(incident, evidence)
    made.added = Candidate.objects.filter(source=made).count()
    made.known = made.read - made.added
    save(made, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="timeline.log_imported",
        sentence=f"read {count_of(made.read, 'line')} of {evidence.ref} as candidates, "
        f"{made.skipped:,} skipped, {made.known:,} known already",
        subject=evidence,
        data={
            "reader": made.reader,
            "day": made.day.isoformat(),
            "clock_zone": made.clock_zone,
            "read": made.read,
            "added": made.added,
            "known": made.known,
            "skipped": made.skipped,
            "sha256": evidence.sha256,
        },
    )
    return made


def refuse_source(incident: Incident, evidence: Evidence) -> None:
    """Candidates come from an artifact of this incident that stands and opens."""
    if evidence.incident_id != incident.pk:
        raise ValidationError(
            {
                "evidence": ValidationError(
                    f"{evidence.ref} belongs to another incident.", code="invalid"
                )
            }
        )
    if evidence.is_retracted:
        raise InvalidTransition(
            f"{evidence.ref} was withdrawn: its lines cannot become entries.",
            code="retracted",
        )
    if not evidence.has_file:
        raise InvalidTransition(
            f"{evidence.ref} has no stored file that could be read.", code="no_file"
        )


def _store(made: Import, rows: Iterable[Found | Skipped]) -> None:
    found = (row for row in rows if isinstance(row, Found))
    while part := list(islice(found, BATCH)):
        Candidate.objects.bulk_create(
            [
                Candidate(
                    incident=made.incident,
                    source=made,
                    place=row.line.place,
                    occurred_at=row.line.occurred_at,
                    occurred_until=row.line.until,
                    precision=row.line.precision,
                    at_text=row.line.at_text,
                    author=row.line.author,
                    text=row.line.text,
                    raw=row.line.raw,
                    fingerprint=row.fingerprint,
                )
                for row in part
            ],
            ignore_conflicts=True,
        )


def count_of(count: int, noun: str) -> str:
    """`1 line`, `1,204 lines`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@also_forgets
def forget_candidates(incident: Incident, sha256: str) -> None:
    """The lines of content that was redacted go with it; what a person accepted before
    is an entry of its own."""
    rows = Candidate.objects.filter(incident=incident, source__evidence__sha256=sha256)
    rows.update(author="", text="(redacted)", at_text="", raw="")
    rows.filter(state=Candidate.State.WAITING).update(
        state=Candidate.State.DISMISSED,
        decided_at=timezone.now(),
        reason="The content of its source was redacted",
    )
