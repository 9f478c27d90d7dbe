"""Imported logs: kept as evidence, read into candidates once, decided by a person."""

from __future__ import annotations

import datetime as dt
import io
import json
import random
import tracemalloc
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from incidents.activity import verify
from incidents.models import ActivityEntry, Evidence, Incident, StoredFile
from incidents.selectors.results import content_hash
from incidents.services import redaction
from incidents.services.core import retract_record
from postmortem.lib.errors import InvalidTransition
from tests import factories
from tests.timeline.conftest import Tape, at
from tests.timeline.test_intake_readers import MESSAGES, archive
from tests.timeline.test_services import set_status
from timeline import selectors
from timeline.models import Candidate, Entry, Import
from timeline.selectors import CandidateChoice
from timeline.services.intake import deciding, importing

CHAT = """[14:05] Anna Smith: auth rate down
[14:06] Bob: looking
[14:20] Anna Smith: rolled back
"""
CARD = "4929 1234 5678 9015"


def file(name: str, content: bytes | str) -> SimpleUploadedFile:
    data = content.encode() if isinstance(content, str) else content
    return SimpleUploadedFile(name, data)


def take(tape: Tape, **fields: Any) -> Evidence:
    fields.setdefault("day", dt.date(2026, 3, 10))
    row, _ = importing.take_source(
        incident_id=tape.incident.pk, actor=tape.actor, **fields
    )
    return row


def read(tape: Tape, evidence: Evidence, **fields: Any) -> Import:
    fields.setdefault("day", dt.date(2026, 3, 10))
    return importing.import_log(
        incident_id=tape.incident.pk, actor=tape.actor, evidence=evidence, **fields
    )


def chat(tape: Tape, text: str = CHAT, **fields: Any) -> Import:
    return read(tape, take(tape, text=text, **fields))


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


def refused(tape: Tape, **fields: Any) -> tuple[str, str]:
    """(code, words) of a refusal that stored nothing."""
    with pytest.raises(ValidationError) as caught:
        take(tape, **fields)
    assert not Evidence.objects.filter(incident=tape.incident).exists()
    assert not StoredFile.objects.exists()
    assert not Candidate.objects.exists()
    ((name, items),) = caught.value.error_dict.items()
    assert name == "upload"
    return str(items[0].code), items[0].messages[0]


class TestTakeSource:
    def test_keeps_a_chat_as_an_original_record(self, tape: Tape) -> None:
        row = take(tape, upload=file("ops.txt", CHAT))

        assert (row.kind, row.title, row.is_original) == (
            Evidence.Kind.CHAT,
            "ops.txt",
            True,
        )
        assert not Candidate.objects.exists()

    def test_keeps_an_old_timeline_as_a_later_summary(self, tape: Tape) -> None:
        """R-EV-04"""
        row = take(tape, upload=file("old.md", "# Timeline\n- 14:05 UTC: rate down\n"))

        assert (row.kind, row.is_original) == (Evidence.Kind.NOTES, False)

    def test_takes_the_word_of_the_person_about_it(self, tape: Tape) -> None:
        assert not take(tape, text=CHAT, is_original=False).is_original

    def test_keeps_the_same_bytes_once(self, tape: Tape) -> None:
        first = take(tape, upload=file("ops.txt", CHAT))
        again = take(tape, upload=file("copy.txt", CHAT), reader="chat")
        pasted = take(tape, text=CHAT)

        assert first.pk == again.pk == pasted.pk
        assert Evidence.objects.filter(incident=tape.incident).count() == 1

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

        assert importing.guess_reader(io.BytesIO(data), name) == reader

    @pytest.mark.parametrize(
        ("name", "content", "code", "words"),
        [
            (
                "a.zip",
                archive({"../x/2026-03-10.json": MESSAGES}),
                "unsafe_path",
                "points outside",
            ),
            (
                "a.zip",
                archive({"ops/2026-03-10.json": b" " * 20_000_000}),
                "zip_bomb",
                "times its size",
            ),
            ("a.zip", b"PK\x03\x04 no zip", "unreadable", "damaged"),
            ("a.csv", "time,text\n14:05,=1+1\n", "formula", "holds a formula"),
            (
                "a.csv",
                "time,text\n14:05,größer\n".encode() + "14:06,größer".encode("cp1252"),
                "encoding",
                "Line 3",
            ),
            (
                "a.png",
                "<!doctype html><script>x</script>",
                "type_mismatch",
                "a web page (HTML)",
            ),
            ("a.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, "no_log", "image/png"),
            ("a.txt", "hello\nworld\n", "unreadable", "begins"),
            ("a.txt", "", "empty_file", "empty"),
            (
                "a.txt",
                f"14:05 Bob: fine\n14:06 Bob: {CARD}\n",
                "card_number",
                "492912******9015 looks like a full Visa card number in line 2",
            ),
            (
                "a.json",
                json.dumps(
                    [{"ts": "1773151500.1", "user": "U1", "text": f"<tel:1|{CARD}>"}]
                ),
                "card_number",
                "in message 1",
            ),
            (
                "a.zip",
                archive(
                    {
                        "ops/2026-03-10.json": MESSAGES,
                        "canvas.txt": f"x {CARD}".encode(),
                    }
                ),
                "card_number",
                "in “canvas.txt”",
            ),
            (
                "a.zip",
                archive(
                    {
                        "ops/2026-03-10.json": [
                            *MESSAGES,
                            {
                                "type": "message",
                                "subtype": "channel_topic",
                                "ts": "1773151400.0",
                                "text": CARD,
                            },
                        ]
                    }
                ),
                "card_number",
                "2026-03-10.json",
            ),
            (
                "a.json",
                json.dumps([{"type": "message", "subtype": "channel_join", "ts": "1"}]),
                "empty",
                "Nothing in this source",
            ),
        ],
    )
    def test_refuses_bad_input_and_stores_nothing(
        self, tape: Tape, name: str, content: bytes | str, code: str, words: str
    ) -> None:
        found, said = refused(tape, upload=file(name, content))

        assert found == code
        assert words in said
        assert CARD not in said

    def test_refuses_a_secret_with_its_place(self, tape: Tape) -> None:
        key = "AKIA" + "QWERTYUIOPASDFGH"
        code, words = refused(tape, text=f"14:05 Bob: {key}\n")

        assert (code, "in line 1" in words, key in words) == ("secret", True, False)

    def test_refuses_a_gigabyte_before_it_reads(self, tape: Tape) -> None:
        large = file("a.json", "[]")
        large.size = 1024**3

        code, words = refused(tape, upload=large)

        assert code == "too_large"
        assert "1024.0 MB" in words

    def test_refuses_more_lines_than_are_read(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importing, "MAX_ROWS", 2)

        assert refused(tape, text=CHAT)[0] == "too_many"

    def test_wants_a_file_or_a_text(self, tape: Tape) -> None:
        assert refused(tape, text=" ")[0] == "required"
        with pytest.raises(ValidationError) as caught:
            take(tape, text=CHAT, upload=file("a.txt", CHAT))
        assert set(caught.value.error_dict) == {"text"}

    def test_refuses_who_may_not_record_and_a_frozen_incident(
        self, tape: Tape, viewer: User
    ) -> None:
        with pytest.raises(PermissionDenied):
            importing.take_source(incident_id=tape.incident.pk, actor=viewer, text=CHAT)
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")
        with pytest.raises(InvalidTransition):
            take(tape, text=CHAT)
        assert not Evidence.objects.exists()


class TestReadLog:
    def look(self, tape: Tape, text: str, **fields: Any) -> importing.Reading:
        fields.setdefault("day", dt.date(2026, 3, 10))
        return importing.look_at(
            file("log.txt", text), incident=tape.incident, **fields
        )

    def test_counts_what_it_found_and_stores_nothing(self, tape: Tape) -> None:
        tape.whole()  # 13:43 to 14:50

        found = self.look(
            tape, "Welcome\n13:00 a: x\n14:05 b: y\n25:61 c: z\n15:30 d: w\n"
        )

        assert (found.lines, found.skipped, found.untimed) == (4, 1, 1)
        assert (found.before, found.after) == (1, 1)
        assert (found.first, found.last) == (at("13:00"), at("15:30"))
        assert found.left_out[0].place == "line 1"
        assert not Candidate.objects.exists()

    def test_tells_what_is_known(self, tape: Tape) -> None:
        chat(tape)

        found = self.look(tape, CHAT + "[14:30] Bob: new\n")

        assert (found.known, found.new) == (3, 1)
        assert [known for _, known in found.rows] == [True, True, True, False]

    def test_shows_the_first_fifty(self, tape: Tape) -> None:
        text = "".join(f"14:{n % 60:02} a: {n}\n" for n in range(60))

        assert (len(self.look(tape, text).rows), self.look(tape, text).lines) == (
            50,
            60,
        )

    def test_takes_the_day_on_which_the_incident_began(self, tape: Tape) -> None:
        tape.whole()

        assert self.look(tape, CHAT, day=None).first == at("14:05")


class TestImportLog:
    def test_makes_candidates_that_are_no_facts(self, tape: Tape) -> None:
        """R-EV-01: no entry comes of it before a person says so."""
        made = chat(tape)

        assert (made.read, made.added, made.known, made.skipped) == (3, 3, 0, 0)
        assert [
            (row.place, row.occurred_at, row.author, row.text, row.state, row.raw)
            for row in waiting(tape)
        ][:1] == [
            (
                "line 1",
                at("14:05"),
                "Anna Smith",
                "auth rate down",
                "waiting",
                "[14:05] Anna Smith: auth rate down",
            )
        ]
        assert not Entry.objects.exists()
        told = ActivityEntry.objects.filter(verb="timeline.log_imported").get()
        assert told.sentence == (
            "read 3 lines of EV-1 as candidates, 0 skipped, 0 known already"
        )

    def test_adds_nothing_the_second_time(self, tape: Tape) -> None:
        made = chat(tape)
        again = read(tape, made.evidence)

        assert (again.added, again.known) == (0, 3)
        assert Candidate.objects.count() == 3

    def test_adds_only_what_an_overlapping_log_has_more(self, tape: Tape) -> None:
        chat(tape)
        more = chat(tape, "[14:20] Anna Smith: rolled back\n[14:25] Bob: fine\n")

        assert (more.added, more.known) == (1, 1)

    def test_keeps_what_was_said_twice_twice(self, tape: Tape) -> None:
        """Three times “+1” in a minute are three lines, whoever wrote them."""
        chat(tape, "14:05 a: +1\n14:05 a: +1\n")
        chat(tape, "14:05 a: +1\n14:05 a: +1\n14:05 a: +1\n")

        assert Candidate.objects.count() == 3

    def test_brings_no_dismissed_line_back(self, tape: Tape) -> None:
        made = chat(tape)
        dismiss(tape, waiting(tape))
        read(tape, made.evidence)

        assert waiting(tape) == []

    def test_stores_what_no_field_holds_as_what_it_means(self, tape: Tape) -> None:
        odd = [
            {"ts": "1773151500.1", "user": "U\u0000 1", "text": "a\u0000b \ud800"},
            {"ts": "95617584000.0", "user": "U2", "text": "year 5000"},
            {"ts": "1773151501.1", "user": "U3", "text": "\u0000"},
            {"ts": "1773151502.1", "user": "U4", "text": "x" * 20_000},
        ]
        made = read(tape, take(tape, upload=file("odd.json", json.dumps(odd))))

        rows = {row.author: row for row in waiting(tape)}
        assert (made.read, made.skipped) == (3, 1)
        assert rows["U 1"].text == "ab ?"
        assert (rows["U2"].occurred_at, rows["U2"].at_text) == (None, "the year 5000")
        assert len(rows["U4"].text) == importing.LONGEST
        accept(tape, waiting(tape))
        assert Entry.objects.count() == 3

    def test_refuses_an_artifact_without_a_file(self, tape: Tape) -> None:
        with pytest.raises(InvalidTransition, match="no stored file"):
            read(tape, tape.original)

    def test_refuses_an_artifact_of_another_incident(
        self, tape: Tape, commander: User
    ) -> None:
        row = take(tape, text=CHAT)
        other = factories.make_incident(actor=commander)

        with pytest.raises(ValidationError):
            importing.import_log(incident_id=other.pk, actor=tape.actor, evidence=row)

    def test_leaves_nothing_when_the_incident_froze_meanwhile(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = take(tape, text=CHAT)
        real = importing._store

        def store_and_close(*args: Any) -> None:
            real(*args)
            Incident.objects.filter(pk=tape.incident.pk).update(status="closed")

        monkeypatch.setattr(importing, "_store", store_and_close)
        with pytest.raises(InvalidTransition):
            read(tape, row)

        assert not Candidate.objects.exists()
        assert not Import.objects.exists()

    def test_changes_no_content_hash(self, tape: Tape) -> None:
        row = take(tape, text=CHAT)
        before = content_hash(tape.incident)
        read(tape, row)

        assert content_hash(tape.incident, fresh=True) == before


class TestMemory:
    def test_holds_one_day_of_an_export_at_a_time(self, tape: Tape) -> None:
        """Issue 4: four times the days cost no more than the fingerprints of lines."""

        def peak(days: int) -> int:
            rows = [
                {"ts": f"17731515{n % 100:02}.1", "user": "U1", "text": f"{n} " * 40}
                for n in range(400)
            ]
            export = file(
                "a.zip",
                archive({f"ops/2026-03-{day:02}.json": rows for day in range(1, days)}),
            )
            tracemalloc.start()
            found = importing.look_at(export, incident=tape.incident)
            _, highest = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert found.lines == 400 * (days - 1)
            return highest

        peak(3)  # what is loaded once
        assert peak(25) < peak(7) * 1.5


def messages(numbers: list[int]) -> str:
    """A Slack file of these messages, in this order; every third says the same."""
    return json.dumps(
        [
            {
                "ts": f"{1773151500 + number // 3}.{number:06}",
                "user": f"U{number % 2}",
                "text": "ping" if number % 3 == 0 else f"message {number}",
            }
            for number in numbers
        ]
    )


class TestOverlappingImports:
    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        parts=st.lists(
            st.lists(st.integers(0, 11), min_size=1, max_size=12, unique=True),
            min_size=1,
            max_size=4,
        ),
        seed=st.integers(0, 9),
    )
    def test_any_order_of_any_parts_gives_the_same_candidates(
        self, tape: Tape, parts: list[list[int]], seed: int
    ) -> None:
        def outcome(order: list[list[int]]) -> set[tuple[Any, ...]]:
            Candidate.objects.all().delete()
            for part in order:
                read(tape, take(tape, upload=file("a.json", messages(part))))
            return set(
                Candidate.objects.values_list(
                    "occurred_at", "author", "text", "fingerprint"
                )
            )

        first = outcome(parts)
        mixed = random.Random(seed)
        order = [mixed.sample(part, len(part)) for part in [*parts, *parts]]
        mixed.shuffle(order)

        assert outcome(order) == first


class TestAcceptCandidates:
    def test_makes_entries_that_keep_their_source_line(self, tape: Tape) -> None:
        """R-TL-03, R-EV-05: confirmed by the original log, with the place in it."""
        chat(tape)
        lane = tape.incident.lanes.get(slug="checkout")

        rows = accept(tape, waiting(tape)[1:], kind="action", lane=lane)

        entry = rows[1].entry
        assert entry is not None
        entry.refresh_from_db()
        assert (entry.kind, entry.occurred_at, entry.precision, entry.lane) == (
            "action",
            at("14:20"),
            "minute",
            lane,
        )
        assert entry.action_taken == "Anna Smith: rolled back"
        assert not entry.is_provisional
        assert [link.note for link in entry.evidence_links.all()] == ["line 3"]
        assert [row.state for row in rows] == ["accepted", "accepted"]
        assert len(waiting(tape)) == 1

    def test_leaves_what_a_later_summary_says_provisional(self, tape: Tape) -> None:
        """R-EV-04"""
        made = take(tape, upload=file("old.md", "- about 14:05-14:20 UTC: slow\n"))
        read(tape, made)
        (row,) = accept(tape, waiting(tape))

        assert row.entry is not None
        assert row.entry.is_provisional
        assert (row.entry.precision, row.entry.occurred_until) == (
            "approx",
            at("14:20"),
        )

    def test_takes_an_unknown_time_with_its_words(self, tape: Tape) -> None:
        """R-TL-02"""
        chat(tape, "25:61 Bob: late\n14:05 Bob: x\n")
        rows = accept(tape, waiting(tape))

        entry = rows[1].entry
        assert entry is not None
        assert (entry.occurred_at, entry.precision, entry.at_text) == (
            None,
            "unknown",
            "25:61",
        )

    def test_makes_one_entry_from_two_tabs(self, tape: Tape) -> None:
        chat(tape)
        rows = waiting(tape)
        first = accept(tape, rows[:2])
        second = accept(tape, rows)

        assert Entry.objects.count() == 3
        assert second[0].entry == first[0].entry

    def test_takes_all_or_none_and_names_the_lines(self, tape: Tape) -> None:
        read(
            tape,
            take(tape, text="2027-03-10 14:05 a: x\n2026-03-10 14:05 a: y\n"),
        )
        with pytest.raises(ValidationError) as caught:
            accept(tape, waiting(tape))

        (words,) = caught.value.message_dict["ids"]
        assert words.startswith("line 1: ")
        assert "lies in the future" in words
        assert not Entry.objects.exists()
        assert len(waiting(tape)) == 2

    def test_refuses_too_many_none_and_strangers(
        self, tape: Tape, commander: User
    ) -> None:
        chat(tape)
        other = Tape(factories.make_incident(actor=commander), tape.actor)
        for ids, code in (
            ([], "required"),
            (range(1, 202), "too_many"),
            ([waiting(tape)[0].pk], "unknown"),
        ):
            with pytest.raises(ValidationError) as caught:
                deciding.accept_candidates(
                    incident_id=other.incident.pk, actor=tape.actor, ids=list(ids)
                )
            assert caught.value.error_dict["ids"][0].code == code

    def test_refuses_the_lines_of_a_withdrawn_artifact(self, tape: Tape) -> None:
        made = chat(tape)
        retract_record(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            model=Evidence,
            number=made.evidence.number,
            reason="Wrong channel",
            permission="evidence.add",
        )
        with pytest.raises(ValidationError) as caught:
            accept(tape, waiting(tape)[:1])
        assert "was withdrawn" in caught.value.message_dict["ids"][0]

    def test_tells_it_once_and_the_chain_verifies(self, tape: Tape) -> None:
        chat(tape)
        accept(tape, waiting(tape))

        told = ActivityEntry.objects.filter(verb="timeline.candidates_accepted").get()
        assert told.sentence == "accepted 3 candidates from EV-1 as TL-1 to TL-3"
        assert told.data["places"] == {
            "TL-1": "line 1",
            "TL-2": "line 2",
            "TL-3": "line 3",
        }
        tape.incident.refresh_from_db()
        assert verify(tape.incident) == []


class TestAcceptEdited:
    def test_takes_the_words_of_the_person_and_keeps_the_source(
        self, tape: Tape
    ) -> None:
        chat(tape)
        row = waiting(tape)[0]
        fields = {
            "incident_id": tape.incident.pk,
            "actor": tape.actor,
            "candidate_id": row.pk,
            "kind": "signal",
            "observed_signal": "Auth rate down to 61%",
            "occurred_at": at("14:04"),
            "evidence": [tape.original],
        }
        entry = deciding.accept_edited(**fields)
        again = deciding.accept_edited(**fields)

        assert entry == again
        assert Entry.objects.count() == 1
        assert {
            (link.evidence_id, link.note) for link in entry.evidence_links.all()
        } == {(tape.original.pk, ""), (row.source.evidence_id, "line 1")}
        row.refresh_from_db()
        assert (row.state, row.text) == ("accepted", "auth rate down")


class TestDismissCandidates:
    def test_keeps_them_with_who_and_why_until_they_are_taken_back(
        self, tape: Tape
    ) -> None:
        chat(tape)
        rows = waiting(tape)[:2]

        assert dismiss(tape, rows, reason="Lunch") == 2
        rows[0].refresh_from_db()
        assert (rows[0].state, rows[0].reason, rows[0].decided_by) == (
            "dismissed",
            "Lunch",
            tape.actor,
        )
        again = deciding.restore_candidates(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            ids=[row.pk for row in rows],
        )
        assert again == 2
        rows[0].refresh_from_db()
        assert (rows[0].state, rows[0].reason, rows[0].decided_by) == (
            "waiting",
            "",
            None,
        )
        sentences = ActivityEntry.objects.order_by("sequence").values_list(
            "sentence", flat=True
        )
        assert list(sentences)[-2:] == [
            "dismissed 2 candidates from EV-1",
            "took back 2 candidates from EV-1",
        ]

    def test_takes_every_waiting_one_that_a_filter_shows(self, tape: Tape) -> None:
        chat(tape)
        accept(tape, waiting(tape)[:1])

        count = deciding.dismiss_candidates(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            choice=CandidateChoice(words="anna"),
        )

        assert count == 1
        assert [row.author for row in waiting(tape)] == ["Bob"]

    def test_refuses_what_is_an_entry(self, tape: Tape) -> None:
        chat(tape)
        rows = waiting(tape)
        accept(tape, rows[:1])

        with pytest.raises(ValidationError, match="line 1: is TL-1 already"):
            dismiss(tape, rows)
        assert len(waiting(tape)) == 2

    def test_refuses_a_secret_in_the_reason(self, tape: Tape) -> None:
        chat(tape)
        with pytest.raises(ValidationError) as caught:
            dismiss(tape, waiting(tape), reason=CARD)
        assert caught.value.error_dict["reason"][0].code == "card_number"

    def test_says_nothing_when_nothing_changes(self, tape: Tape) -> None:
        chat(tape)
        rows = waiting(tape)
        dismiss(tape, rows)
        count = ActivityEntry.objects.count()

        assert dismiss(tape, rows) == 0
        assert ActivityEntry.objects.count() == count

    def test_is_refused_on_a_frozen_incident(self, tape: Tape) -> None:
        chat(tape)
        rows = waiting(tape)
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")
        for verb in (accept, dismiss):
            with pytest.raises(InvalidTransition):
                verb(tape, rows)


class TestRedaction:
    def test_takes_the_lines_along(
        self, tape: Tape, administrator: User, commander: User
    ) -> None:
        """R-EV-09: nothing of redacted content stays in what was copied from it."""
        made = chat(tape)
        accept(tape, waiting(tape)[:1])
        where = {
            "incident_id": tape.incident.pk,
            "number": made.evidence.number,
        }
        redaction.ask_redaction(**where, actor=administrator, reason="Names")

        assert waiting(tape) == []  # as closed as the file
        assert selectors.candidates(tape.incident, administrator).count() == 3
        redaction.confirm_redaction(**where, actor=commander)

        assert set(Candidate.objects.values_list("state", "author", "text", "raw")) == {
            ("accepted", "", "(redacted)", ""),
            ("dismissed", "", "(redacted)", ""),
        }
        rows = list(Candidate.objects.filter(state="dismissed"))
        assert (
            deciding.restore_candidates(
                incident_id=tape.incident.pk,
                actor=tape.actor,
                ids=[row.pk for row in rows],
            )
            == 0
        )
