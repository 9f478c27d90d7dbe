"""Reading exports of Slack: JSON item by item, archives without unpacking them."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tests.timeline.intake.logs import MESSAGES, USERS, archive
from tests.timeline.intake.readers import read_by, refused, told
from timeline.services.intake import items, slack
from timeline.services.intake.lines import Skipped


class TestItems:
    @pytest.mark.parametrize("size", [1, 7, 256 * 1024])
    @pytest.mark.parametrize(
        "value",
        [
            [],
            [{}],
            [{"a": [1, "ü\n"]}, "x", None, 1.5],
            {"messages": [{"ts": "1"}], "ok": True, "users": [{"id": "U1"}], "n": []},
            {},
            "words",
        ],
    )
    def test_gives_the_items_of_lists_wherever_pieces_are_cut(
        self, monkeypatch: pytest.MonkeyPatch, size: int, value: Any
    ) -> None:
        monkeypatch.setattr(items, "_PIECE", size)
        lists = {"": value} if isinstance(value, list) else value
        expected = [
            (key, item)
            for key, found in (lists.items() if isinstance(lists, dict) else ())
            if isinstance(found, list)
            for item in found
        ]

        for text in (json.dumps(value), json.dumps(value, indent=2) + "\n"):
            found = items.read_items(io.BytesIO(text.encode()), "a.json")
            assert [row for row in found if row[1] is not items.NOTHING] == expected

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[1", "“]” is missing"),
            ("[1 2]", "“]” is missing"),
            ("[1]]", "more behind its end"),
            ('{"a" 1}', "“:” is missing"),
            ('{"a": [1,]}', "Expecting value"),
            ("", "Expecting value"),
        ],
    )
    def test_refuses_what_is_no_json(self, text: str, words: str) -> None:
        with pytest.raises(ValidationError) as caught:
            list(items.read_items(io.BytesIO(text.encode()), "a.json"))

        assert words in caught.value.messages[0]


def empty_objects(size: int) -> bytes:
    return b"[" + b"{}," * (size // 3) + b"{}]"


class TestSlack:
    def test_reads_an_export_with_names_and_links(self) -> None:
        rows = read_by(
            slack.read,
            archive({"users.json": USERS, "ops/2026-03-10.json": MESSAGES}),
        )

        assert told(rows) == [
            ("10 14:05:00", "Anna Smith", "@Bob see graph (https://a.example) & #ops"),
            ("10 14:06:00", "Bob", "second"),
        ]
        assert {row.place for row in rows} == {
            f"ops/2026-03-10.json, message {number}" for number in (1, 2, 3, 4)
        }

    @pytest.mark.parametrize(
        "found", [MESSAGES, {"messages": MESSAGES, "users": USERS}]
    )
    def test_reads_a_single_json_file(self, found: Any) -> None:
        assert len(told(read_by(slack.read, json.dumps(found)))) == 2

    def test_reads_what_an_export_lacks_or_says_twice(self) -> None:
        """Nobody in `users.json`, threads, edits, removals, bots, no time."""
        thread = {"thread_ts": "1773151500.1"}
        found = [
            {"ts": "1773151500.1", "user": "U404", "text": "down", "reply_count": 2},
            {"ts": "1773151501.1", "user": "U1", "text": "a reply", **thread},
            {
                "subtype": "thread_broadcast",
                "ts": "1773151502.1",
                "user": "U1",
                "text": "to all",
                **thread,
                "root": {"text": "down"},
            },
            {
                "ts": "1773151503.1",
                "user": "U1",
                "text": "61 %",
                "edited": {"user": "U1", "ts": "1773151600.0"},
            },
            {
                "subtype": "message_changed",
                "ts": "1773151504.1",
                "message": {"user": "U1", "text": "61 %"},
                "previous_message": {"user": "U1", "text": "16 %"},
            },
            {"subtype": "message_deleted", "ts": "1773151505.1", "deleted_ts": "1"},
            {"subtype": "tombstone", "ts": "1773151506.1", "text": "Was deleted."},
            {
                "ts": "1773151507.1",
                "bot_id": "B1",
                "text": "",
                "blocks": [
                    {"type": "header", "text": {"type": "plain_text", "text": "Alert"}},
                    {"type": "section", "fields": [{"type": "mrkdwn", "text": "Rate"}]},
                    {
                        "type": "rich_text",
                        "elements": [{"elements": [{"type": "text", "text": "61 %"}]}],
                    },
                ],
            },
            {"ts": "1773151508.1", "user": {"id": "U1"}, "text": "who"},
            {"user": "U1", "text": "when"},
            {"ts": "1e99", "user": "U1", "text": "never"},
        ]
        rows = read_by(slack.read, archive({"ops/2026-03-10.json": found}))

        assert told(rows) == [
            ("not known", "U1", "when"),
            ("not known", "U1", "never"),
            ("10 14:05:00", "U404", "down"),
            ("10 14:05:01", "U1", "a reply"),
            ("10 14:05:02", "U1", "to all"),
            ("10 14:05:03", "U1", "61 %"),
            ("10 14:05:07", "B1", "Alert\nRate\n61 %"),
            ("10 14:05:08", "", "who"),
        ]
        assert [row.reason for row in rows if isinstance(row, Skipped)] == [
            "tells that a message was edited or deleted",
            "tells that a message was edited or deleted",
            "not a message but a notice of the channel",
        ]

    @pytest.mark.parametrize(
        "name", ["../evil/2026-03-10.json", "/etc/2026-03-10.json"]
    )
    def test_refuses_names_that_point_outside(self, name: str) -> None:
        assert "points outside" in refused(slack.read, archive({name: MESSAGES}))

    def test_refuses_a_bomb_before_it_unpacks(self) -> None:
        bomb = archive({"ops/2026-03-10.json": b" " * (20 * 1024 * 1024)})

        assert len(bomb) < 100_000
        assert "times its size" in refused(slack.read, bomb)

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            (empty_objects(48_000_000), "more than 100,000 lines"),
            (b'[{"a": [' + b"[]," * 16_000_000 + b"[]]}]", "larger than 1 MB"),
            (b'["' + b"x" * 48_000_000 + b'"]', "larger than 1 MB"),
            (b"[" + b" " * 51 * 1024 * 1024 + b"]", "larger than 50 MB"),
        ],
        ids=["objects", "lists", "string", "spaces"],
    )
    def test_refuses_48_mb_of_nothing_with_little_memory(
        self, source: bytes, words: str
    ) -> None:
        """Issue 4: as one value, such a file took 2 GB."""
        tracemalloc.start()
        said = refused(slack.read, source)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert words in said
        assert highest - len(source) < 60_000_000

    def test_refuses_a_member_that_lies_about_its_size(self) -> None:
        """The directory says 4 bytes; reading stops where the bytes are."""
        data = bytearray(archive({"ops/2026-03-10.json": MESSAGES}))
        at = data.rindex(b"PK\x01\x02")
        data[at + 24 : at + 28] = (4).to_bytes(4, "little")

        words = refused(slack.read, bytes(data))

        assert "“ops/2026-03-10.json” in this ZIP is damaged." in words

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            (b"PK\x03\x04 no zip", "damaged"),
            (b'{"a": 1}', "no list of Slack messages"),
            (b"[" * 100_000, "nested too deeply"),
            (b"<html>", "is not JSON"),
            ("[]".encode("utf-16"), "is not JSON"),
            (archive({"readme.txt": b"x"}), "no channel"),
            (archive({"ops/2026-03-10.json": b"not json"}), "is not JSON"),
        ],
    )
    def test_refuses_what_is_no_export(self, source: bytes, words: str) -> None:
        assert words in refused(slack.read, source)
