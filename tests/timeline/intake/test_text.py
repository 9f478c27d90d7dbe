"""Reading pasted chats and old timelines, and the text that both are."""

from __future__ import annotations

import datetime as dt
import io
import time
import tracemalloc

import pytest

from tests.timeline.intake.readers import read_by, refused, told
from timeline.services.intake import chat, lines, prose
from timeline.services.intake.lines import Context, Line, Skipped
from timeline.services.intake.tidy import tidied

DAY = dt.date(2026, 3, 10)


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
            ("[14:05 CET] Zoe: hi", "not known", "Zoe", "hi"),
            ("2026-03-10T14:05:33-05:00 bob: x", "10 19:05:33", "bob", "x"),
        ],
    )
    def test_reads_the_usual_shapes(
        self, line: str, time: str, author: str, text: str
    ) -> None:
        assert told(read_by(chat.read, line)) == [(time, author, text)]

    def test_keeps_lines_without_a_time_with_the_message_above(self) -> None:
        rows = read_by(chat.read, "Anna  14:05\nfirst\n\nsecond\n14:06 bob: third\n")

        assert told(rows) == [
            ("10 14:05:00", "Anna", "first\nsecond"),
            ("10 14:06:00", "bob", "third"),
        ]
        assert isinstance(rows[0], Line)
        assert rows[0].place == "line 1"
        assert rows[0].raw == "Anna  14:05\nfirst\nsecond"

    def test_goes_on_to_the_next_day_after_midnight_and_at_a_day_line(self) -> None:
        rows = read_by(
            chat.read, "23:58 a: x\n00:03 b: y\n--- 14 March 2026 ---\n09:00 c: z"
        )

        assert [time for time, _, _ in told(rows)] == [
            "10 23:58:00",
            "11 00:03:00",
            "14 09:00:00",
        ]

    def test_reads_times_on_the_clock_of_the_incident(self) -> None:
        rows = read_by(chat.read, "14:05 a: x", Context("America/New_York", DAY))

        assert told(rows) == [("10 18:05:00", "a", "x")]

    def test_guesses_no_time_that_the_clock_skips(self) -> None:
        """8 March 2026, 02:30 does not exist in New York."""
        context = Context("America/New_York", dt.date(2026, 3, 8))
        (row,) = read_by(chat.read, "02:30 a: x", context)

        assert isinstance(row, Line)
        assert (row.occurred_at, row.precision) == (None, "unknown")
        assert row.at_text == "02:30"

    def test_says_what_it_left_out(self) -> None:
        rows = read_by(chat.read, "Welcome\n3/10/26, 14:05 - Anna: hi\n14:06 bob: x")

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
        rows = read_by(prose.read, text)

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

    @pytest.mark.parametrize(
        ("line", "time", "text"),
        [
            ("14:05 UTC: down", "10 14:05:00", "down"),
            ("14:05 (UTC) down", "10 14:05:00", "down"),
            ("14:05Z down", "10 14:05:00", "down"),
            ("14:05+02:00 down", "10 12:05:00", "down"),
            ("14:05:33-05:00 down", "10 19:05:33", "down"),
            ("14:05 UTC-5 down", "10 19:05:00", "down"),
            ("2026-03-11T14:05:33Z: down", "11 14:05:33", "down"),
            ("2026-03-11T14:05-05:00 down", "11 19:05:00", "down"),
            ("2026-03-11 14:05 UTC - down", "11 14:05:00", "down"),
            ("2:05 PM down", "10 13:05:00", "down"),
            ("14:05 down", "10 13:05:00", "down"),
            ("14:05 test of the rollback", "10 13:05:00", "test of the rollback"),
            ("14:05 POST /pay fails", "10 13:05:00", "POST /pay fails"),
            ("14:05 CET down", "not known", "down"),
            ("2:05 PM PT: down", "not known", "down"),
            ("14:05 MSK down", "not known", "down"),
            ("2026-03-11T99:05Z down", "not known", "down"),
        ],
    )
    def test_reads_mixed_times_and_zones_on_the_clock_they_name(
        self, line: str, time: str, text: str
    ) -> None:
        rows = read_by(prose.read, f"- {line}\n", Context("Europe/Berlin", DAY))

        assert told(rows) == [(time, "", text)]

    @pytest.mark.parametrize(
        ("line", "start", "end"),
        [
            ("14:50-15:10 UTC", "14:50", "15:10"),
            ("14:50 UTC – 15:10", "14:50", "15:10"),
            ("14:50-15:10", "13:50", "14:10"),
            ("2:50-3:10 PM", "13:50", "14:10"),
            ("14:50:10-15:10:20", "13:50", "14:10"),
            ("11:50-12:10 PM", None, None),
            ("14:50-15:10 CET", None, None),
        ],
    )
    def test_reads_both_ends_of_a_span_on_one_clock(
        self, line: str, start: str | None, end: str | None
    ) -> None:
        (row,) = read_by(prose.read, f"- {line} slow\n", Context("Europe/Berlin", DAY))

        assert isinstance(row, Line)
        assert row.text == "slow"
        assert [
            moment and f"{moment:%H:%M}" for moment in (row.occurred_at, row.until)
        ] == [start, end]
        assert row.at_text == ("" if start else line)

    def test_does_not_guess_what_est_means(self) -> None:
        (row,) = read_by(prose.read, "- 11:30 PM EST: declared")

        assert isinstance(row, Line)
        assert (row.occurred_at, row.at_text) == (None, "11:30 PM EST")
        assert row.text == "declared"


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

        (row,) = read_by(chat.read, data)

        assert isinstance(row, Line)
        assert len(row.text) == lines.MAX_TEXT
        assert time.process_time() - start < 4


class TestTidied:
    def test_leaves_out_the_signs_that_no_entry_may_hold(self) -> None:
        """Or the candidate could be chosen and never accepted."""
        text = "Refund \u202e005\u202c is\x07 approved"
        line = Line("line 1", None, "unknown", "b\u202dob", text, text)
        assert (tidied(line).author, tidied(line).text) == (
            "bob",
            "Refund 005\u202c is approved",
        )
