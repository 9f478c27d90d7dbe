"""Reading foreign logs: what becomes a line, what is skipped, what is refused."""

from __future__ import annotations

import datetime as dt
import io
import json
import time
import tracemalloc
import zipfile
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from timeline.services.intake import chat, items, lines, prose, slack, table
from timeline.services.intake.lines import Context, Line, Reader, Row, Skipped

DAY = dt.date(2026, 3, 10)
UTC = Context("UTC", DAY)


def read(reader: Reader, source: str | bytes, context: Context = UTC) -> list[Row]:
    data = source.encode() if isinstance(source, str) else source
    return list(reader(io.BytesIO(data), context))


def told(rows: list[Row]) -> list[tuple[str, str, str]]:
    """(time, author, text) of the lines."""
    return [
        (
            f"{row.occurred_at:%d %H:%M:%S}" if row.occurred_at else "not known",
            row.author,
            row.text,
        )
        for row in rows
        if isinstance(row, Line)
    ]


def refused(reader: Reader, source: str | bytes) -> str:
    with pytest.raises(ValidationError) as caught:
        read(reader, source)
    (words,) = caught.value.message_dict["upload"]
    return str(words)


class TestChat:
    @pytest.mark.parametrize(
        ("line", "time", "author", "text"),
        [
            ("[14:05] Anna Smith: rate down", "10 14:05:00", "Anna Smith", "rate down"),
            ("14:05 <bob> looking", "10 14:05:00", "bob", "looking"),
            ("14:05:33 bob: looking", "10 14:05:33", "bob", "looking"),
            ("2:05 PM Zoe: hi", "10 14:05:00", "Zoe", "hi"),
            ("12:05 am Zoe: hi", "10 00:05:00", "Zoe", "hi"),
            ("2026-03-11 14:05 bob: x", "11 14:05:00", "bob", "x"),
            ("[10.03.26, 14:05:33] Zoe: hi", "10 14:05:33", "Zoe", "hi"),
            ("14:05 UTC+1 bob: x", "10 13:05:00", "bob", "x"),
            ("14:05 no name here", "10 14:05:00", "", "no name here"),
            ("25:99 bob: x", "not known", "bob", "x"),
        ],
    )
    def test_reads_the_usual_shapes(
        self, line: str, time: str, author: str, text: str
    ) -> None:
        assert told(read(chat.read, line)) == [(time, author, text)]

    def test_keeps_lines_without_a_time_with_the_message_above(self) -> None:
        rows = read(chat.read, "Anna  14:05\nfirst\n\nsecond\n14:06 bob: third\n")

        assert told(rows) == [
            ("10 14:05:00", "Anna", "first\nsecond"),
            ("10 14:06:00", "bob", "third"),
        ]
        assert isinstance(rows[0], Line)
        assert rows[0].place == "line 1"
        assert rows[0].raw == "Anna  14:05\nfirst\nsecond"

    def test_goes_on_to_the_next_day_after_midnight_and_at_a_day_line(self) -> None:
        rows = read(
            chat.read, "23:58 a: x\n00:03 b: y\n--- 14 March 2026 ---\n09:00 c: z"
        )

        assert [time for time, _, _ in told(rows)] == [
            "10 23:58:00",
            "11 00:03:00",
            "14 09:00:00",
        ]

    def test_reads_times_on_the_clock_of_the_incident(self) -> None:
        rows = read(chat.read, "14:05 a: x", Context("America/New_York", DAY))

        assert told(rows) == [("10 18:05:00", "a", "x")]

    def test_guesses_no_time_that_the_clock_skips(self) -> None:
        """R-TL-02: 8 March 2026, 02:30 does not exist in New York."""
        context = Context("America/New_York", dt.date(2026, 3, 8))
        (row,) = read(chat.read, "02:30 a: x", context)

        assert isinstance(row, Line)
        assert (row.occurred_at, row.precision) == (None, "unknown")
        assert row.at_text == "02:30"

    def test_says_what_it_left_out(self) -> None:
        rows = read(chat.read, "Welcome\n3/10/26, 14:05 - Anna: hi\n14:06 bob: x")

        assert [row for row in rows if isinstance(row, Skipped)] == [
            Skipped("line 1", "stands before the first time"),
            Skipped("line 2", "its date can mean two days; write 2026-03-10"),
        ]

    def test_refuses_a_text_without_any_time(self) -> None:
        assert "begins with a time" in refused(chat.read, "hello\nworld")


class TestProse:
    def test_reads_bullets_tables_and_headings(self) -> None:
        text = """# Timeline
## 31 January 2017
- 17:20 UTC: snapshot taken
  and continued here
* **19:00** – spam
| Time | Event |
|---|---|
| 21:00 | load spikes |
- around 23:00 data deleted
1. 2017-02-01 00:36 - backup checked
- 14:05-14:20 window of errors
"""
        rows = read(prose.read, text)

        assert told(rows) == [
            ("31 17:20:00", "", "snapshot taken\nand continued here"),
            ("31 19:00:00", "", "spam"),
            ("31 21:00:00", "", "load spikes"),
            ("31 23:00:00", "", "data deleted"),
            ("01 00:36:00", "", "backup checked"),
            ("01 14:05:00", "", "window of errors"),
        ]
        lines = [row for row in rows if isinstance(row, Line)]
        assert lines[3].precision == "approx"
        assert lines[5].until == dt.datetime(2017, 2, 1, 14, 20, tzinfo=dt.UTC)
        assert Skipped("line 6", "names no time") in rows

    def test_does_not_guess_what_est_means(self) -> None:
        (row,) = read(prose.read, "- 11:30 PM EST: declared")

        assert isinstance(row, Line)
        assert (row.occurred_at, row.at_text) == (None, "11:30 PM EST")
        assert row.text == "declared"


class TestTable:
    def test_finds_the_columns_by_their_names(self) -> None:
        rows = read(
            table.read,
            "Author;Time;Message\nanna;2026-03-10T14:05:00+01:00;down, 61%\n"
            "bob;14:06;-5% auth\nx;;no time\ny;14:07;\n",
        )

        assert told(rows) == [
            ("10 13:05:00", "anna", "down, 61%"),
            ("10 14:06:00", "bob", "-5% auth"),
            ("not known", "x", "no time"),
        ]
        assert rows[-1] == Skipped("line 5", "without text")

    def test_reads_a_column_of_days(self) -> None:
        rows = read(table.read, "date,time,event\n2026-03-12,09:30,x\n")

        assert told(rows) == [("12 09:30:00", "", "x")]

    @pytest.mark.parametrize(
        "cell", ["=1+1", "@SUM(A1)", '=HYPERLINK("http://x")', "+cmd|' /C calc'!A0"]
    )
    def test_refuses_formulas_with_their_line(self, cell: str) -> None:
        quoted = '"' + cell.replace('"', '""') + '"'

        words = refused(table.read, f"time,text\n14:05,fine\n14:06,{quoted}\n")

        assert words.startswith("Line 3 of this CSV file holds a formula")

    def test_refuses_mixed_encodings_with_the_line(self) -> None:
        words = refused(
            table.read,
            "time,text\n14:05,größer\n".encode() + "14:06,größer".encode("cp1252"),
        )

        assert words.startswith("Line 3 of the CSV file is not UTF-8 text")

    @pytest.mark.parametrize("between", list(",;\t|"))
    def test_finds_what_stands_between_cells(self, between: str) -> None:
        rows = read(table.read, f"time{between}text\n14:05{between}x\n")

        assert told(rows) == [("10 14:05:00", "", "x")]

    def test_reads_large_cells_at_once(self) -> None:
        """A sniffer of dialects took minutes for quotes that never end."""
        cell = "'\"\"', " * 12_000
        start = time.process_time()

        rows = read(table.read, f'time,text\n14:05,"{cell}"\n')

        assert time.process_time() - start < 1
        assert len(told(rows)) == 1

    def test_keeps_a_cell_of_two_lines_with_the_line_it_ends_in(self) -> None:
        rows = read(table.read, 'time,text\r\n14:05,"a\r\nb"\r\n14:06,c\r\n')

        assert told(rows) == [("10 14:05:00", "", "a\nb"), ("10 14:06:00", "", "c")]
        assert [row.place for row in rows] == ["line 3", "line 4"]

    def test_refuses_a_table_without_text(self) -> None:
        assert "No column" in refused(table.read, "a,b\n1,2\n")

    def test_refuses_what_is_no_text(self) -> None:
        assert "binary data" in refused(table.read, b"time,text\n14:05,a\x00b\n")


class TestText:
    """What every reader of text shares: one piece of it at a time."""

    @pytest.mark.parametrize("size", [1, 3, 64 * 1024])
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
    )
    def test_numbers_lines_wherever_pieces_are_cut(
        self, monkeypatch: pytest.MonkeyPatch, size: int, encoding: str
    ) -> None:
        monkeypatch.setattr(lines, "_PIECE", size)
        mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
        data = f"{mark}größer\r\n\r\nb\rc\n\nlast".encode(encoding)

        found = list(lines.read_lines(io.BytesIO(data), "log"))

        assert found == [
            (1, "größer"),
            (2, ""),
            (3, "b"),
            (4, "c"),
            (5, ""),
            (6, "last"),
        ]

    @pytest.mark.parametrize("size", [1, 5, 64 * 1024])
    def test_names_the_line_that_is_no_text(
        self, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(lines, "_PIECE", size)
        data = b"14:05 a\n14:06 b\n" + "14:07 größer\n".encode("cp1252")

        for reader in (chat.read, prose.read):
            assert refused(reader, data).startswith("Line 3 of the ")

    def test_holds_no_more_than_a_piece(self) -> None:
        data = b"14:05 anna: rate is down\n" * 160_000  # 4 MB
        tracemalloc.start()
        count = sum(1 for _ in lines.read_lines(io.BytesIO(data), "log"))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert count == 160_000
        assert highest < 1_000_000

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"x" * 1_001, "Line 1 of the log is longer than 1,000 signs"),
            (b"\n" * 1_002, "more than 1,000 lines"),
            (b"14:05 a\n\x00", "Line 2 of the log holds binary data"),
        ],
        ids=["line", "lines", "binary"],
    )
    def test_refuses_what_is_no_log(
        self, monkeypatch: pytest.MonkeyPatch, data: bytes, words: str
    ) -> None:
        monkeypatch.setattr(lines, "MAX_LINE", 1_000)
        monkeypatch.setattr(lines, "MAX_LINES", 1_000)

        assert words in refused(chat.read, data)

    def test_reads_a_message_of_many_lines_in_the_time_of_its_lines(self) -> None:
        data = "14:05 anna: x\n" + "and more of it\n" * 50_000
        start = time.process_time()

        (row,) = read(chat.read, data)

        assert isinstance(row, Line)
        assert len(row.text) == lines.MAX_TEXT
        assert time.process_time() - start < 4


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


# What issue 4 names, by its name: (file name, bytes, code, words of the refusal).
BAD_INPUT: dict[str, tuple[str, bytes, str, str]] = {
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
    "a CSV with mixed encodings": (
        "a.csv",
        "time,text\n14:05,größer\n".encode() + "14:06,größer".encode("cp1252"),
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
    "JSON of a hundred thousand nothings": (
        "a.json",
        b"[" + b"{}," * 100_001 + b"{}]",
        "too_many",
        "more than 100,000 lines",
    ),
}


class TestSlack:
    def test_reads_an_export_with_names_and_links(self) -> None:
        rows = read(
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
        assert len(told(read(slack.read, json.dumps(found)))) == 2

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

        assert words == "“ops/2026-03-10.json” in this ZIP is damaged."

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
