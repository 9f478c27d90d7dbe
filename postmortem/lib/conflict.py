"""Two people edited the same row: both texts of each field, side by side, and a form
that keeps every word. What only the other person changed is taken over."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from postmortem.lib.errors import StaleVersion


@dataclass(frozen=True)
class ConflictRow:
    """One field that both changed. `…_raw`: what the inputs hold, as a JSON list."""

    name: str
    label: str
    yours: str
    stored: str
    yours_raw: str
    stored_raw: str


@dataclass
class Conflict:
    """who and at: of the change that came in between, when it is known.

    taken: labels of the fields that only they had changed; the form has theirs now.
    """

    rows: list[ConflictRow] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    who: str = ""
    at: datetime | None = None


def require_version(form: forms.BaseForm) -> None:
    """A form that edits a row says which version was read. Without it nobody would
    notice what somebody else saved meanwhile: it is asked again, like a conflict."""
    row = getattr(form, "row", None)
    if row is None or "version" not in form.fields:
        return
    if form.cleaned_data.get("version") is None:
        raise StaleVersion(
            "This form came without the version that it was opened at, so nothing was "
            "saved. Compare with what is stored and save again.",
            current={"version": row.version},
        )


def settle(form: forms.BaseForm, error: StaleVersion) -> Conflict:
    """Compare what was sent with what is stored, and make the form ready to be saved
    again: its version becomes the stored one, so that saving is a decision now."""
    row = getattr(form, "row", None)
    data: Any = QueryDict(mutable=True)
    data.update(form.data)
    found = Conflict()
    base = _version_of(row, data.get(form.add_prefix("version")))
    base_values = form.shown_of(base) if base is not None else {}  # type: ignore[attr-defined]
    for name, item in form.fields.items():
        if name == "version" or isinstance(item.widget, forms.FileInput):
            continue
        stored = form.get_initial_for_field(item, name) if row is not None else None
        if row is None:
            if name not in error.current:
                continue
            stored = error.current[name]
        html_name = form.add_prefix(name)
        yours = item.widget.value_from_datadict(form.data, form.files, html_name)
        stored_raw, yours_raw = _raw(item, stored), _raw(item, yours)
        if _same(item, stored_raw, yours_raw):
            continue
        label = str(item.label or name.replace("_", " ").capitalize())
        if name in base_values:
            read = _raw(item, base_values[name])
            if _same(item, read, yours_raw):  # only they changed it
                data.setlist(html_name, stored_raw)
                found.taken.append(label)
                continue
            if _same(item, read, stored_raw):  # only you did
                continue
        found.rows.append(
            ConflictRow(
                html_name,
                label,
                _words(item, yours_raw),
                _words(item, stored_raw),
                json.dumps(yours_raw),
                json.dumps(stored_raw),
            )
        )
    if "version" in form.fields:
        data[form.add_prefix("version")] = str(form.fields["version"].initial or "")
    form.data = data
    latest = row.history.select_related("history_user").first() if row else None
    if latest is not None:
        found.who = str(latest.history_user or "")
        found.at = latest.history_date
    return found


def _version_of(row: Any, version: Any) -> Any:
    """What the person had read: the row as it was at the version of their form."""
    if row is None or not hasattr(row, "history") or not str(version or "").isdecimal():
        return None
    return row.history.filter(version=int(version)).first()


def _raw(item: forms.Field, value: Any) -> list[str]:
    """A value as the inputs of the form hold it."""
    if isinstance(item, forms.BooleanField):
        return ["on"] if value and value != "False" else []
    shown = item.prepare_value(value)
    if shown is None or shown == "":
        return [] if getattr(item.widget, "allow_multiple_selected", False) else [""]
    if isinstance(shown, Iterable) and not isinstance(shown, str):
        return [str(one) for one in shown]
    return (
        [str(item.widget.format_value(shown) or "")]
        if not _choices(item)
        else [str(shown)]
    )


def _same(item: forms.Field, one: list[str], other: list[str]) -> bool:
    """Whether two inputs mean the same: 14:05 may be the whole date of today."""
    first, second = (
        sorted(text.replace("\r\n", "\n").strip() for text in raw if text.strip())
        for raw in (one, other)
    )
    if first == second:
        return True
    if _choices(item) or len(first) != 1 or len(second) != 1:
        return False
    try:
        return bool(item.clean(first[0]) == item.clean(second[0]))
    except ValidationError:
        return False


def _choices(item: forms.Field) -> dict[str, str]:
    """Values and words of a choice; nothing for a field that is written."""
    found: dict[str, str] = {}
    for value, label in getattr(item, "choices", ()):
        if isinstance(label, list | tuple):
            found |= {str(one): str(words) for one, words in label}
        else:
            found[str(value)] = str(label)
    return found


def _words(item: forms.Field, raw: list[str]) -> str:
    if isinstance(item, forms.BooleanField):
        return "yes" if raw else "no"
    names = _choices(item)
    return ", ".join(names.get(one, one) for one in raw if one)
