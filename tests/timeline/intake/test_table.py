"""Reading CSV: columns, separators, formulas, encodings."""

from __future__ import annotations

import time

import pytest

from tests.timeline.intake.readers import read_by, refused, told
from timeline.services.intake import table
from timeline.services.intake.lines import Skipped


class TestTable:
    def test_finds_the_columns_by_their_names(self) -> None:
        rows = read_by(
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
        rows = read_by(table.read, "date,time,event\n2026-03-12,09:30,x\n")

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
        rows = read_by(table.read, f"time{between}text\n14:05{between}x\n")

        assert told(rows) == [("10 14:05:00", "", "x")]

    def test_reads_large_cells_at_once(self) -> None:
        """A sniffer of dialects took minutes for quotes that never end."""
        cell = "'\"\"', " * 12_000
        start = time.process_time()

        rows = read_by(table.read, f'time,text\n14:05,"{cell}"\n')

        assert time.process_time() - start < 1
        assert len(told(rows)) == 1

    def test_keeps_a_cell_of_two_lines_with_the_line_it_ends_in(self) -> None:
        rows = read_by(table.read, 'time,text\r\n14:05,"a\r\nb"\r\n14:06,c\r\n')

        assert told(rows) == [("10 14:05:00", "", "a\nb"), ("10 14:06:00", "", "c")]
        assert [row.place for row in rows] == ["line 3", "line 4"]

    def test_refuses_a_table_without_text(self) -> None:
        assert "No column" in refused(table.read, "a,b\n1,2\n")

    def test_refuses_what_is_no_text(self) -> None:
        assert "binary data" in refused(table.read, b"time,text\n14:05,a\x00b\n")
