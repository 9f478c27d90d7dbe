"""The quick-add bar: one line becomes an entry."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.text import slugify

from incidents.forms import MultipleFileField, MultipleFileInput
from incidents.models import Incident, Lane
from postmortem.lib import sensitive
from postmortem.lib.canonical import digest
from postmortem.lib.fields import validate_link
from postmortem.lib.times import on_clock
from timeline.forms.times import When, leading_time
from timeline.models import DependencyCheckpoint, Entry, Milestone

QUICK_KINDS = [
    (kind.value, kind.label) for kind in Entry.Kind if kind != Entry.Kind.NO_RECORD
]
# What may stand behind `!` or, with a colon, as the first word. A bare `!` is a
# decision; a word that is not here stays in the sentence and is told to the writer.
MARKS = {
    **{kind: kind for kind, _ in QUICK_KINDS},
    "d": "decision",
    "a": "action",
    "s": "signal",
    "c": "comms",
    "n": "note",
    "decided": "decision",
    "did": "action",
    "saw": "signal",
    "told": "comms",
}
_MARK = re.compile(r"^!(?P<word>[a-z]*)(?=\s|\d|$)\s*", re.IGNORECASE)
_WORD = re.compile(r"^(?P<word>[a-z]+):\s+", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?:^|(?<=\s))(?P<sign>[#@])(?P<slug>[a-z0-9][a-z0-9-]*)(?=[\s,.;]|$)",
    re.IGNORECASE,
)
ACTS = {Entry.Kind.ACTION, Entry.Kind.DECISION, Entry.Kind.COMMS}
KEPT_OFFLINE = timedelta(days=2)  # how old a line may be that waited for a connection


class QuickAddForm(forms.Form):
    """One line: `14:05 auth rate down to 61% @adyen-eu #checkout`.

    The time stands first (or in its own field): `14:05`, `14:05 CET`, `~14:05`,
    `14:05-14:20`, `now`, `-5m`, `yesterday 23:50`, `late on Saturday`. `#lane` and
    `@dependency` name a lane and a checkpoint by the beginning of their names,
    `!action` or `action:` the kind. What cannot be read is told in `notes` and stays in
    the sentence. A whole line in the field of the time is read like one in its own.
    """

    at = forms.CharField(label="Time", required=False, max_length=2000)
    text = forms.CharField(label="What happened", required=False, max_length=2000)
    kind = forms.ChoiceField(
        choices=QUICK_KINDS, required=False, initial=Entry.Kind.SIGNAL
    )
    lane = forms.ModelChoiceField(
        queryset=Lane.objects.none(), required=False, empty_label="No lane"
    )
    upload = MultipleFileField(
        required=False,
        allow_empty_file=True,
        label="Files",
        widget=MultipleFileInput(attrs={"aria-label": "Files that show it"}),
    )
    link = forms.CharField(
        required=False,
        max_length=1000,
        label="Link",
        help_text="The durable link of the record that shows it.",
    )
    milestone = forms.ChoiceField(
        choices=[("", "None"), *Milestone.Kind.choices], required=False
    )
    key = forms.CharField(required=False, max_length=40, validators=[sensitive.refuse])
    typed_at = forms.CharField(required=False, max_length=40)

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        self.incident = incident
        self.notes: list[str] = []
        self.attached: dict[str, Any] = {}
        super().__init__(*args, **kwargs)
        lane = self.fields["lane"]
        assert isinstance(lane, forms.ModelChoiceField)
        lane.queryset = Lane.objects.filter(incident=incident, retracted_at=None)
        if incident.status == Incident.Status.ACTIVE:
            self.suggestion = f"{on_clock(timezone.now(), incident.clock_zone):%H:%M}"
        else:
            self.suggestion = "14:05"

    def clean_link(self) -> str:
        link = str(self.cleaned_data["link"]).strip()
        if link:
            validate_link(link)
        return link

    def clean(self) -> dict[str, Any]:
        """The keywords of `services.record_line` in `cleaned_data`."""
        data = dict(super().clean() or self.cleaned_data)
        self.attached = {
            "uploads": data.get("upload") or [],
            "link": data.get("link") or "",
            "key": self._line_key(data),
            "milestone": data.get("milestone") or "",
        }
        if {"at", "text"} & set(self.errors):
            return data
        # The field of the time is the beginning of the line, whatever stands in it.
        line = " ".join(f"{data['at']} {data['text']}".split())
        line, kind = self._kind(line, data.get("kind") or Entry.Kind.SIGNAL)
        when = self._when(line) if line else When(None)
        text, kind = self._kind(when.rest, kind)
        text, kind = self._kind(self._without_repeat(text, when), kind)
        lane, dependency, text = self._names(text, data.get("lane"))
        if not text:
            words = "Say what was seen or what was done."
            self.add_error("text", ValidationError(words, code="required"))
        return {
            "kind": kind,
            "occurred_at": when.occurred_at,
            "occurred_until": when.occurred_until,
            "precision": when.precision,
            "at_text": when.at_text,
            "lane": lane,
            "dependency": dependency,
            "action_taken" if kind in ACTS else "observed_signal": text,
        }

    def _line_key(self, data: dict[str, Any]) -> str:
        """What this line is called: the browser's key and all that was sent under it. A
        line that is sent again has the same; one that a page without scripts sends from
        its old form, with another time or another file, is another line."""
        if not data.get("key"):
            return ""
        names = ("key", "at", "text", "kind", "lane", "link", "milestone")
        sent = {name: self.data.get(name) or "" for name in names}
        files = [[item.name, item.size] for item in data.get("upload") or []]
        return digest(sent | {"files": files})[:40]

    def _kind(self, text: str, kind: str) -> tuple[str, str]:
        """(the rest, the kind): by `!word`, or by a first word with a colon."""
        if match := _WORD.match(text):
            word = match["word"].lower()
            return (text[match.end() :], MARKS[word]) if word in MARKS else (text, kind)
        match = _MARK.match(text)
        if not match:
            return text, kind
        word = match["word"].lower()
        if not word:
            return text[match.end() :], Entry.Kind.DECISION
        if word in MARKS:
            return text[match.end() :], MARKS[word]
        note = f"“!{match['word']}” is no kind: it stays in the sentence."
        if note not in self.notes:
            self.notes.append(note)
        return text, kind

    def _when(self, line: str) -> When:
        """The time of the line; the fault is put on the time field."""
        try:
            when = self._leading(line)
            if when is None:
                said = sensitive.mask(line)[:40]
                raise ValidationError(
                    f"Start with the time: {self.suggestion} {said}", code="required"
                )
        except ValidationError as error:
            self.add_error("at", error)
            return When(None, rest=line)
        if when.note:
            self.notes.append(when.note)
        return when

    def _leading(self, line: str) -> When | None:
        typed = self._typed_at()
        return leading_time(line, incident=self.incident, typed_at=typed)

    def _without_repeat(self, text: str, when: When) -> str:
        """The same time once more, in its own field and before the sentence, is left
        out; another one stays and is told."""
        if self.errors:
            return text
        try:
            again = self._leading(text)
        except ValidationError:
            return text
        if again is None:
            return text
        if again.occurred_at == when.occurred_at:
            return again.rest
        self.notes.append(
            f"“{text.removesuffix(again.rest).strip()}” stays in the sentence: another "
            "time stands before it."
        )
        return text

    def _typed_at(self) -> datetime | None:
        """When a line that waited for its connection was written; a clock that cannot
        be right is not believed."""
        try:
            typed = datetime.fromisoformat(str(self.data.get("typed_at", ""))[:40])
        except ValueError:
            return None
        if typed.tzinfo is None:
            return None
        now = timezone.now()
        return typed if now - KEPT_OFFLINE < typed <= now else None

    def _names(self, text: str, lane: Any) -> tuple[Any, Any, str]:
        """(lane, dependency, the rest). A name that nobody has stays where it is."""
        dependency = None
        taken: list[tuple[int, int]] = []
        for match in _TOKEN.finditer(text):
            slug = match["slug"].lower()
            if match["sign"] == "#":
                found = named(self._lanes(), slug)
                what = "lane"
                lane = found or lane
            else:
                found = named(self._dependencies(), slug)
                what = "checkpoint"
                dependency = found or dependency
            if found is None:
                if not (match["sign"] == "#" and slug.isdecimal()):  # a ticket: #4711
                    self.notes.append(
                        f"“{match[0]}” names no {what} here: it stays in the sentence."
                    )
            else:
                taken.append(match.span())
        for first, last in reversed(taken):
            text = f"{text[:first]} {text[last:]}"
        return lane, dependency, " ".join(text.split())

    def _lanes(self) -> list[tuple[str, Any]]:
        rows = Lane.objects.filter(incident=self.incident, retracted_at=None)
        return [(row.slug, row) for row in rows]

    def _dependencies(self) -> list[tuple[str, Any]]:
        rows = DependencyCheckpoint.objects.filter(
            incident=self.incident, retracted_at=None
        )
        return [(slugify(row.name), row) for row in rows]


def named(rows: list[tuple[str, Any]], slug: str) -> Any:
    """The row of this name, else the only one whose name begins so."""
    for name, row in rows:
        if name == slug:
            return row
    found = [row for name, row in rows if len(slug) > 2 and name.startswith(slug)]
    return found[0] if len(found) == 1 else None
