"""What a log holds: found out and counted, and nothing stored."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tests.timeline.conftest import Tape, at
from tests.timeline.intake.logs import (
    BAD_AS_IT_IS_READ,
    CARD,
    CHAT,
    DAY,
    EXPORT,
    MESSAGES,
    archive,
    chat,
)
from timeline.models import Candidate
from timeline.services.intake import reading
from timeline.services.intake.reading import Reading, guess_reader, read_log


class TestGuessReader:
    @pytest.mark.parametrize(
        ("name", "content", "reader"),
        [
            ("export.zip", archive({"ops/2026-03-10.json": MESSAGES}), "slack"),
            ("day.json", json.dumps(MESSAGES), "slack"),
            ("log", json.dumps({"messages": MESSAGES}), "slack"),
            ("a.csv", "time,text\n14:05,x\n", "csv"),
            ("a.txt", "time;message\n14:05;x\n", "csv"),
            ("a.txt", CHAT, "chat"),
            ("a.txt", "14:05 <bob> looking\n14:06 <al> x\n", "chat"),
            ("a.md", "# 10 March 2026\n- 14:05 down\n", "prose"),
            ("a.txt", "- 14:05 UTC rate is down\n- 14:20 rolled back\n", "prose"),
            ("a.txt", "| Time | Event |\n|---|---|\n| 14:05 | down |\n", "prose"),
        ],
    )
    def test_finds_out_what_it_is(
        self, name: str, content: bytes | str, reader: str
    ) -> None:
        data = content.encode() if isinstance(content, str) else content

        assert guess_reader(io.BytesIO(data), name) == reader


def look(
    tape: Tape, content: str | bytes, name: str = "log.txt", **how: Any
) -> Reading:
    how.setdefault("day", DAY)
    data = content.encode() if isinstance(content, str) else content
    return read_log(io.BytesIO(data), incident=tape.incident, filename=name, **how)


class TestReadLog:
    def test_counts_what_it_found_and_stores_nothing(self, tape: Tape) -> None:
        tape.whole()  # 13:43 to 14:50

        found = look(tape, "Welcome\n13:00 a: x\n14:05 b: y\n25:61 c: z\n15:30 d: w\n")

        assert (found.lines, found.skipped, found.untimed) == (4, 1, 1)
        assert (found.before, found.after) == (1, 1)
        assert (found.first, found.last) == (at("13:00"), at("15:30"))
        assert found.left_out[0].place == "line 1"
        assert not Candidate.objects.exists()

    def test_tells_what_is_known(self, tape: Tape) -> None:
        chat(tape)

        found = look(tape, CHAT + "[14:30] Bob: new\n")

        assert (found.known, found.new) == (3, 1)
        assert [known for _, known in found.rows] == [True, True, True, False]

    def test_shows_the_first_fifty(self, tape: Tape) -> None:
        found = look(tape, "".join(f"14:{n:02} a: {n}\n" for n in range(60)))

        assert (len(found.rows), found.lines) == (50, 60)

    def test_takes_the_day_on_which_the_incident_began(self, tape: Tape) -> None:
        tape.whole()

        assert look(tape, CHAT, day=None).first == at("14:05")

    @pytest.mark.parametrize(
        ("name", "content", "code", "words"),
        BAD_AS_IT_IS_READ.values(),
        ids=BAD_AS_IT_IS_READ,
    )
    def test_refuses_bad_input_with_its_place(
        self, tape: Tape, name: str, content: bytes, code: str, words: str
    ) -> None:
        with pytest.raises(ValidationError) as caught:
            look(tape, content, name)

        (fault,) = caught.value.error_dict["upload"]
        assert fault.code == code
        assert words in fault.messages[0]
        assert CARD not in fault.messages[0]

    def test_refuses_a_secret_with_its_place(self, tape: Tape) -> None:
        key = "AKIA" + "QWERTYUIOPASDFGH"
        with pytest.raises(ValidationError) as caught:
            look(tape, f"14:05 Bob: {key}\n")

        (fault,) = caught.value.error_dict["upload"]
        assert fault.code == "secret"
        assert "in line 1" in fault.messages[0]
        assert key not in fault.messages[0]

    def test_refuses_more_lines_than_are_read(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "MAX_ROWS", 2)

        with pytest.raises(ValidationError, match="more than 100,000 lines"):
            look(tape, CHAT)

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.txt", b"14:05 a: x\n" * 1_200),
            ("a.json", json.dumps([{"ts": "1773151500.1", "text": "x"}] * 1_200)),
            (
                "a.zip",
                archive(
                    {
                        f"ops/2026-03-{day}.json": [
                            {"ts": f"17731515{number % 100}.1", "text": f"{number} x"}
                            for number in range(300)
                        ]
                        for day in range(10, 14)
                    }
                ),
            ),
        ],
        ids=["text", "json", "zip"],
    )
    def test_tells_how_far_it_is(
        self, tape: Tape, name: str, content: str | bytes
    ) -> None:
        told: list[tuple[int, int]] = []
        look(tape, content, name, tell=lambda lines, size: told.append((lines, size)))

        lines, sizes = zip(*told, strict=True)
        assert lines == (500, 1_000, 1_200)
        assert list(sizes) == sorted(sizes)
        assert 0 < sizes[0] <= sizes[-1] == len(content)


class TestReading:
    def test_is_kept_as_it_was_read(self, tape: Tape) -> None:
        for found in (look(tape, CHAT), look(tape, EXPORT, "a.zip")):
            kept = json.loads(json.dumps(found.as_json()))

            assert Reading.from_json(kept) == found


class TestMemory:
    def test_holds_one_day_of_an_export_at_a_time(self, tape: Tape) -> None:
        """Issue 4: four times the days cost no more than the fingerprints of lines."""

        def peak(days: int) -> int:
            rows = [
                {"ts": f"17731515{n % 100:02}.1", "user": "U1", "text": f"{n} " * 40}
                for n in range(400)
            ]
            export = archive(
                {f"ops/2026-03-{day:02}.json": rows for day in range(1, days)}
            )
            tracemalloc.start()
            found = look(tape, export, "a.zip")
            _, highest = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert found.lines == 400 * (days - 1)
            return highest

        peak(3)  # what is loaded once
        assert peak(25) < peak(7) * 1.5
