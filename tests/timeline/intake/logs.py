"""Foreign logs, good and bad, and short names for what is done with them."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from incidents.models import Evidence, StoredFile
from tests.timeline.conftest import Tape
from timeline import selectors
from timeline.models import Candidate, Import, LogReading
from timeline.selectors import CandidateChoice
from timeline.services.intake import asking, deciding, worker
from timeline.services.intake.reading import Reading

DAY = dt.date(2026, 3, 10)
CHAT = """[14:05] Anna Smith: auth rate down
[14:06] Bob: looking
[14:20] Anna Smith: rolled back
"""
CARD = "4929 1234 5678 9015"
MESSAGES: list[dict[str, Any]] = [
    {"type": "message", "ts": "1773151560.000100", "user": "U2", "text": "second"},
    {
        "type": "message",
        "ts": "1773151500.000200",
        "user": "U1",
        "text": "<@U2> see <https://a.example|graph> &amp; <#C1|ops>",
    },
    {"type": "message", "subtype": "channel_join", "ts": "1773151400.0", "text": "j"},
    {"type": "message", "ts": "1773151600.0", "text": ""},
]
USERS = [
    {"id": "U1", "name": "anna", "profile": {"real_name": "Anna Smith"}},
    {"id": "U2", "name": "bob", "profile": {"display_name": "Bob"}},
]


def archive(files: dict[str, Any], **options: Any) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, **options) as made:
        for name, content in files.items():
            made.writestr(
                name, content if isinstance(content, bytes) else json.dumps(content)
            )
    return target.getvalue()


EXPORT = archive({"users.json": USERS, "ops/2026-03-10.json": MESSAGES})
MIXED = "time,text\n14:05,größer\n".encode() + "14:06,größer".encode("cp1252")
# Of each: file name, bytes, code and words of the refusal.
BAD_AT_ONCE: dict[str, tuple[str, bytes, str, str]] = {
    "a zip bomb": (
        "a.zip",
        archive({"ops/2026-03-10.json": b" " * 20_000_000}),
        "zip_bomb",
        "times its size",
    ),
    "a zip bomb beside an export": (
        "a.zip",
        archive({"ops/2026-03-10.json": MESSAGES, "x.bin": b" " * 20_000_000}),
        "zip_bomb",
        "times its size",
    ),
    "a zip with ../": (
        "a.zip",
        archive({"ops/2026-03-10.json": MESSAGES, "../x.json": []}),
        "unsafe_path",
        "points outside",
    ),
    "a zip that is none": ("a.zip", b"PK\x03\x04 no zip", "unreadable", "damaged"),
    "a CSV with mixed encodings": (
        "a.csv",
        MIXED,
        "encoding",
        "Line 3 of the CSV file is not UTF-8",
    ),
    "a CSV with formulas": (
        "a.csv",
        b"time,text\n14:05,fine\n14:06,=1+1\n",
        "formula",
        "Line 3 of this CSV file holds a formula",
    ),
    "an image that is HTML": (
        "a.png",
        b"<!doctype html><script>x</script>",
        "type_mismatch",
        "a web page (HTML)",
    ),
    "an image": (
        "a.png",
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 40,
        "no_log",
        "image/png: that is no log",
    ),
    "no time": ("a.txt", b"hello\nworld\n", "unreadable", "begins with a time"),
    "nothing": ("a.txt", b"", "empty_file", "is empty"),
    "no message": (
        "a.json",
        json.dumps([{"subtype": "channel_join", "ts": "1"}]).encode(),
        "empty",
        "Nothing in this source",
    ),
    "a card number": (
        "a.txt",
        f"14:05 Bob: fine\n14:06 Bob: {CARD}\n".encode(),
        "card_number",
        "492912******9015 looks like a full Visa card number in line 2",
    ),
    "a card number in a part of a message": (
        "a.json",
        json.dumps(
            [{"ts": "1773151500.1", "user": "U1", "text": f"<tel:1|{CARD}>"}]
        ).encode(),
        "card_number",
        "in message 1",
    ),
    "a card number in a long text": (
        "a.txt",
        b"14:05 Bob: fine\n" * 5_000 + f"14:06 Bob: {CARD}\n".encode(),
        "card_number",
        "492912******9015 looks like a full Visa card number in line 5001",
    ),
}
BAD_AS_IT_IS_READ: dict[str, tuple[str, bytes, str, str]] = {
    "a long CSV with mixed encodings": (
        "a.csv",
        b"time,text\n" + b"14:05,x\n" * 9_000 + "14:06,größer".encode("cp1252"),
        "encoding",
        "Line 9002 of the CSV file is not UTF-8",
    ),
    "a long CSV with formulas": (
        "a.csv",
        b"time,text\n" + b"14:05,x\n" * 9_000 + b"14:06,=1+1\n",
        "formula",
        "Line 9002 of this CSV file holds a formula",
    ),
    "JSON of a hundred thousand nothings": (
        "a.json",
        b"[" + b"{}," * 100_001 + b"{}]",
        "too_many",
        "more than 100,000 lines",
    ),
    "a card number in a canvas": (
        "a.zip",
        archive({"ops/2026-03-10.json": MESSAGES, "canvas.txt": CARD.encode()}),
        "card_number",
        "in “canvas.txt”",
    ),
    "a card number in a notice": (
        "a.zip",
        archive(
            {
                "ops/2026-03-10.json": [
                    *MESSAGES,
                    {"subtype": "channel_topic", "ts": "1773151400.0", "text": CARD},
                ]
            }
        ),
        "card_number",
        "in “ops/2026-03-10.json”",
    ),
    "a zip in a zip": (
        "a.zip",
        archive({"ops/2026-03-10.json": MESSAGES, "more.dat": EXPORT}),
        "nested",
        "“more.dat” in this ZIP is an archive itself",
    ),
    "a zip without a channel": (
        "a.zip",
        archive({"readme.txt": b"x"}),
        "unreadable",
        "holds no channel",
    ),
}


def file(name: str, content: bytes | str) -> SimpleUploadedFile:
    data = content.encode() if isinstance(content, str) else content
    return SimpleUploadedFile(name, data)


def ask(tape: Tape, **fields: Any) -> LogReading:
    """Set a log aside."""
    fields.setdefault("day", DAY)
    return asking.take_log(incident_id=tape.incident.pk, actor=tape.actor, **fields)


def work(row: LogReading) -> LogReading:
    """Have the worker do what is asked; its refusal is told in the row."""
    worker.read_long(row.pk)
    row.refresh_from_db()
    return row


def take(tape: Tape, **fields: Any) -> Evidence:
    """The artifact of a log that was read."""
    row = work(ask(tape, **fields))
    assert row.evidence is not None, row.error
    row.evidence.incident = tape.incident
    return row.evidence


def again(tape: Tape, evidence: Evidence, **fields: Any) -> LogReading:
    """Ask for an artifact that is there."""
    fields.setdefault("day", DAY)
    return asking.ask_reading(
        incident_id=tape.incident.pk, actor=tape.actor, evidence=evidence, **fields
    )


def read(tape: Tape, evidence: Evidence, **fields: Any) -> Import:
    """Candidates of an artifact that is there."""
    row = work(again(tape, evidence, makes=True, **fields))
    assert row.made is not None, row.error
    return row.made


def chat(tape: Tape, text: str = CHAT, **fields: Any) -> Import:
    """Candidates of a text."""
    row = work(ask(tape, text=text, makes=True, **fields))
    assert row.made is not None, row.error
    return row.made


def preview(row: LogReading) -> Reading:
    return Reading.from_json(row.result)


def waiting(tape: Tape) -> list[Candidate]:
    return list(
        CandidateChoice().narrow(selectors.candidates(tape.incident, tape.actor))
    )


def accept(tape: Tape, rows: list[Candidate], **fields: Any) -> list[Candidate]:
    return deciding.accept_candidates(
        incident_id=tape.incident.pk,
        actor=tape.actor,
        ids=[row.pk for row in rows],
        **fields,
    )


def dismiss(tape: Tape, rows: list[Candidate], **fields: Any) -> int:
    return deciding.dismiss_candidates(
        incident_id=tape.incident.pk,
        actor=tape.actor,
        ids=[row.pk for row in rows],
        **fields,
    )


def files_aside() -> list[Path]:
    return list(Path(default_storage.path(asking.ASIDE)).glob("*"))


def nothing_is_stored() -> bool:
    """No evidence, no candidate, and no bytes that wait to become some."""
    stored = (Evidence, StoredFile, Candidate, Import)
    return not any(model.objects.exists() for model in stored) and not files_aside()
