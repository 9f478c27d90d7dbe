"""Slack: the ZIP of an export, one day's JSON of it, or `conversations.history`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import PurePosixPath
from typing import IO, Any

from timeline.services.intake import archive
from timeline.services.intake.items import NOTHING, read_items
from timeline.services.intake.lines import (
    MAX_RAW,
    MAX_ROWS,
    MAX_TEXT,
    Context,
    Line,
    Row,
    Skipped,
    refuse,
    too_many,
)

_NOISE = re.compile(
    r"(channel|group)_(join|leave|archive|unarchive|topic|purpose|name)|"
    r"bot_(add|remove)|pinned_item|reminder_add|tombstone"
)
# Bounded, so that a text full of brackets costs no more than its length.
_MENTION = re.compile(
    r"<(?P<sign>[@#!])?(?P<ref>[^|<>]{1,300})(?:\|(?P<label>[^<>]{0,300}))?>"
)


def read(source: IO[bytes], context: Context) -> Iterator[Row]:
    """Every message in the order of its time stamp within each file."""
    head = source.read(4)
    source.seek(0)
    if head == b"PK\x03\x04":
        yield from _read_zip(source)
    else:
        name = context.filename or "file"
        people = _people(source, name, of="users")
        source.seek(0)
        yield from _messages(source, name, "", people)


def _read_zip(source: IO[bytes]) -> Iterator[Row]:
    with archive.opened(source) as (packed, members):
        people = {}
        for item in members:
            if PurePosixPath(item.filename).name == "users.json":
                with archive.opened_member(packed, item) as member:
                    people = _people(member, item.filename)
        days = [
            item
            for item in members
            if re.search(r"(^|/)[^/]+/\d{4}-\d{2}-\d{2}\.json$", item.filename)
        ]
        if not days:
            raise refuse(
                "This ZIP holds no channel of a Slack export (channel/2026-03-10.json)."
            )
        for item in sorted(days, key=lambda item: item.filename):
            path = PurePosixPath(item.filename)
            where = f"{path.parent.name}/{path.name}"
            with archive.opened_member(packed, item) as member:
                yield from _messages(member, item.filename, where, people)


def _people(source: IO[bytes], name: str, of: str = "") -> dict[str, str]:
    """Names by Slack id."""
    people = {}
    for number, (place, item) in enumerate(read_items(source, name)):
        if number > 2 * MAX_ROWS:
            raise too_many()
        if place == of and isinstance(item, dict) and isinstance(item.get("id"), str):
            profile = item.get("profile")
            profile = profile if isinstance(profile, dict) else {}
            told = profile.get("display_name") or profile.get("real_name")
            people[item["id"]] = str(told or item.get("name") or item["id"])[:120]
    return people


def _messages(
    source: IO[bytes], name: str, where: str, people: dict[str, str]
) -> Iterator[Row]:
    """The rows of one file by their time stamps: made at once, so that no more than a
    message of it is held as JSON."""
    found: list[tuple[float, int, Row]] = []
    is_list = False
    for key, item in read_items(source, name):
        if key not in {"", "messages"}:
            continue
        is_list = True
        if item is NOTHING:
            continue
        number = len(found) + 1
        if number > MAX_ROWS:
            raise too_many()
        moment = _moment(item.get("ts")) if isinstance(item, dict) else None
        place = f"{where}, message {number}" if where else f"message {number}"
        stamp = moment.timestamp() if moment else 0.0
        found.append((stamp, number, _message(item, place, people)))
    if not is_list:
        raise refuse("This JSON is no list of Slack messages.")
    found.sort(key=lambda row: row[:2])
    yield from (row for _, _, row in found)


def _message(row: Any, place: str, people: dict[str, str]) -> Row:
    if not isinstance(row, dict) or row.get("type", "message") != "message":
        return Skipped(place, "not a message")
    if _NOISE.fullmatch(str(row.get("subtype", ""))):
        return Skipped(place, "not a message but a notice of the channel")
    if row.get("subtype") in {"message_changed", "message_deleted"}:
        return Skipped(place, "tells that a message was edited or deleted")
    text = _plain(_said(row)[: 2 * MAX_TEXT], people)
    if not text:
        return Skipped(place, "without text")
    moment = _moment(row.get("ts"))
    return Line(
        place=place,
        occurred_at=moment,
        precision="second" if moment else "unknown",
        author=_author(row, people),
        text=text[:MAX_TEXT],
        raw=json.dumps(row, ensure_ascii=False, sort_keys=True)[:MAX_RAW],
        at_text="" if moment else str(row.get("ts", ""))[:120],
    )


def _said(row: dict[str, Any]) -> str:
    if isinstance(row.get("text"), str) and row["text"].strip():
        return str(row["text"])
    attachments = row.get("attachments")
    for item in attachments if isinstance(attachments, list) else []:
        if isinstance(item, dict):
            parts = (item.get("title"), item.get("text") or item.get("fallback"))
            said = ": ".join(str(part) for part in parts if part)
            if said:
                return said
    if blocks := list(_texts(row.get("blocks"))):
        return "\n".join(blocks)
    files = row.get("files")
    names = [
        str(item.get("name"))
        for item in (files if isinstance(files, list) else [])
        if isinstance(item, dict) and item.get("name")
    ]
    return f"File: {', '.join(names)}" if names else ""


def _texts(block: Any) -> Iterator[str]:
    """The texts of the blocks by which a bot may say all that it says."""
    if isinstance(block, list):
        for item in block:
            yield from _texts(item)
    elif isinstance(block, dict):
        text = block.get("text")
        if isinstance(text, str) and text.strip():
            yield text
        for name in ("text", "fields", "elements"):
            yield from _texts(block.get(name))


def _moment(stamp: Any) -> datetime | None:
    try:
        seconds = int(str(stamp).partition(".")[0])
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _author(row: dict[str, Any], people: dict[str, str]) -> str:
    user = row.get("user")
    profile = row.get("user_profile")
    if isinstance(user, str) and user in people:
        return people[user]
    names = (
        profile.get("real_name") if isinstance(profile, dict) else None,
        row.get("username"),
        user,
        row.get("bot_id"),
    )
    return next((name[:120] for name in names if isinstance(name, str) and name), "")


def _plain(text: str, people: dict[str, str]) -> str:
    """Slack's markup as words: names for ids, labels with their links."""

    def word(found: re.Match[str]) -> str:
        ref, label = found["ref"], found["label"]
        if found["sign"] == "@":
            return "@" + (label or people.get(ref, ref))
        if found["sign"] == "#":
            return "#" + (label or ref)
        if found["sign"] == "!":
            return "@" + (label or ref).lstrip("@")
        return f"{label} ({ref})" if label and label != ref else ref

    return unescape(_MENTION.sub(word, text)).strip()
