"""What a foreign log holds: read whole and refused in a sentence before anything of it
is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import IO, Any, cast

from django.utils import timezone

from incidents.models import Incident
from postmortem.lib.tabs import incident_clock
from postmortem.lib.times import on_clock
from postmortem.lib.uploads import HEAD
from timeline.models import Candidate, Import
from timeline.services.intake import archive, chat, prose, slack, table
from timeline.services.intake.lines import (
    MAX_ROWS,
    Context,
    Line,
    Reader,
    Skipped,
    refuse,
    refuse_sensitive,
    too_many,
)
from timeline.services.intake.tidy import Fingerprints, Found, tidied

Kind = Import.Reader
READERS: dict[str, Reader] = {
    Kind.SLACK: slack.read,
    Kind.TABLE: table.read,
    Kind.CHAT: chat.read,
    Kind.PROSE: prose.read,
}
SHOWN, LEFT_OUT_SHOWN = 50, 20
TOLD_EVERY = 500  # rows
# Told of a reading under way: rows so far, and bytes of the source behind them.
Tell = Callable[[int, int], None]


@dataclass
class Reading:
    """What a source holds: counts, its first rows, and what was left out and why.

    first, last: of the times that could be read. before, after: lines outside the
    incident's clock. known: lines that are candidates already. rows: each with whether
    it is known.
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
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def skipped(self) -> int:
        return sum(self.reasons.values())

    @property
    def new(self) -> int:
        return self.lines - self.known

    @property
    def shown(self) -> list[Line]:
        return [line for line, _ in self.rows]

    def as_json(self) -> dict[str, Any]:
        """As it is kept for whoever asks later."""
        told = json.dumps(asdict(self), default=lambda when: when.isoformat())
        return dict(json.loads(told))

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Reading:
        return cls(
            **told
            | _moments(told, "first", "last")
            | {
                "day": date.fromisoformat(told["day"]),
                "rows": [
                    (Line(**line | _moments(line, "occurred_at", "until")), is_known)
                    for line, is_known in told["rows"]
                ],
                "left_out": [Skipped(**row) for row in told["left_out"]],
            }
        )


def _moments(told: dict[str, Any], *names: str) -> dict[str, datetime | None]:
    return {
        name: datetime.fromisoformat(told[name]) if told[name] else None
        for name in names
    }


def default_day(incident: Incident) -> date:
    """The day on which the incident began, on its clock."""
    start = incident_clock(incident).start
    return on_clock(start or timezone.now(), incident.clock_zone).date()


def read_log(
    source: IO[bytes],
    *,
    incident: Incident,
    filename: str = "",
    reader: str = "",
    day: date | None = None,
    tell: Tell | None = None,
) -> Reading:
    """The whole source once, storing nothing. ValidationError on `upload`: it cannot be
    taken, with the place. reader: '' finds out what it is."""
    reader = reader or guess_reader(source, filename)
    day = day or default_day(incident)
    reading = Reading(reader, day, incident.clock_zone)
    clock = incident_clock(incident)
    start = clock.start and clock.start.replace(second=0, microsecond=0)
    end = clock.end or timezone.now()
    known = set(
        Candidate.objects.filter(incident=incident).values_list(
            "fingerprint", flat=True
        )
    )
    context = Context(incident.clock_zone, day, filename)
    for row in read_rows(source, reader, context, tell=tell):
        if isinstance(row, Skipped):
            reading.reasons[row.reason] = reading.reasons.get(row.reason, 0) + 1
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
            reading.before += start is not None and at < start
            reading.after += at > end
        if len(reading.rows) < SHOWN:
            reading.rows.append((row.line, is_known))
    if not reading.lines:
        raise refuse("Nothing in this source is a message with words.", "empty")
    return reading


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
    first = text.lstrip().partition("\n")[0]
    header = {part.strip(' "').lower() for part in re.split(r"[,;\t|]", first)}
    if header & set(table.TEXT) and header & {*table.TIME, *table.DAY}:
        return Kind.PROSE if first.startswith("|") else Kind.TABLE
    if name.endswith((".md", ".markdown")):
        return Kind.PROSE
    # A chat names who speaks; an old timeline has bullets and headings.
    lines = text.splitlines()[:200]
    spoken = sum(1 for line in lines if chat.names_author(line))
    return Kind.CHAT if spoken * 3 >= sum(map(bool, lines)) else Kind.PROSE


def read_rows(
    source: IO[bytes],
    reader: str,
    context: Context,
    *,
    is_clean: bool = False,
    tell: Tell | None = None,
) -> Iterator[Found | Skipped]:
    """Tidied lines with their fingerprints. Refused: card numbers and secrets with
    their place, in what is skipped too, and more lines than are read here. is_clean:
    these bytes were looked through just now."""
    size = source.seek(0, 2)
    is_archive = archive.is_archive(source)
    counted = Counted(source)
    fingerprints = Fingerprints()
    count = 0
    for row in READERS[reader](cast(IO[bytes], counted), context):
        count += 1
        if count > MAX_ROWS:
            raise too_many()
        if tell and count % TOLD_EVERY == 0:
            # The files of an archive lie in any order, and behind them their list.
            tell(count, min(counted.count, size - 1) if is_archive else source.tell())
        if isinstance(row, Skipped):
            yield row
            continue
        line = tidied(row)
        if not line.text:
            yield Skipped(line.place, "without text")
            continue
        if not is_clean:
            # The files of an archive are looked through whole, below.
            raw = "" if is_archive else line.raw
            refuse_sensitive(f"{line.author}\n{line.text}\n{raw}", line.place)
        yield Found(line, fingerprints.of(line))
    if tell:
        tell(count, size)
    if is_archive and not is_clean:
        archive.refuse_unseen(source)


class Counted:
    """A source, and how many of its bytes were read."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source = source
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        data = self.source.read(size)
        self.count += len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)
