"""The JSON that the API reads, and what it refuses in words."""

import io
import json
import time

import pytest
from rest_framework.exceptions import ParseError

from postmortem.lib import drf


def parse(body: bytes):
    return drf.JSONParser().parse(io.BytesIO(body))


class TestJSONParser:
    def test_reads_an_object(self):
        assert parse(b'\xef\xbb\xbf{"title": "Gateway down"}') == {
            "title": "Gateway down"
        }

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"[" * 100_000, "nested too deeply"),
            (b'{"a": 1, "b": 2, "a": 3}', "“a” stands twice"),
            (b'{"a": NaN}', "NaN is no number"),
            (b'{"a": -1e999999}', "-1e999999 is no number"),
            (b'["\\"", ' + b"[]," * 100_000 + b"1]", "holds more than 100000 values"),
            (b'{"a": "\\ud800"}', "half of a Unicode pair"),
            (b'{"a": "\xff"}', "not UTF-8"),
            (b"{", "not JSON"),
            (b"9" * 5000, "not JSON"),
        ],
        ids=[
            "deep",
            "twins",
            "nan",
            "infinite",
            "values",
            "surrogate",
            "latin-1",
            "cut",
            "digits",
        ],
    )
    def test_refuses_in_a_sentence(self, body, words):
        with pytest.raises(ParseError) as caught:
            parse(body)
        assert words in str(caught.value.detail)

    def test_counts_no_values_in_texts(self):
        text = '{["a\\",",' * 50_000
        assert parse(json.dumps([text]).encode()) == [text]

    def test_finds_a_twin_among_many_keys_at_once(self):
        keys = ",".join(f'"{n}":1' for n in range(90_000))
        began = time.process_time()
        with pytest.raises(ParseError, match="“89999” stands twice"):
            parse(f'{{{keys},"89999":1}}'.encode())
        assert time.process_time() - began < 10

    def test_stops_reading_at_the_limit(self, monkeypatch):
        monkeypatch.setattr(drf.parsers, "MAX_BODY", 10)
        stream = io.BytesIO(b'"' + b"a" * 100 + b'"')
        with pytest.raises(drf.problems.TooLarge):
            drf.JSONParser().parse(stream)
        assert stream.tell() == 11
