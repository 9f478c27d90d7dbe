"""The JSON that the API reads, and what it refuses in words."""

import io

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
            (b'{"a": "\\ud800"}', "half of a Unicode pair"),
            (b'{"a": "\xff"}', "not UTF-8"),
            (b"{", "not JSON"),
            (b"9" * 5000, "not JSON"),
        ],
        ids=["deep", "twins", "nan", "surrogate", "latin-1", "cut", "digits"],
    )
    def test_refuses_in_a_sentence(self, body, words):
        with pytest.raises(ParseError) as caught:
            parse(body)
        assert words in str(caught.value.detail)

    def test_stops_reading_at_the_limit(self, monkeypatch):
        monkeypatch.setattr(drf.parsers, "MAX_BODY", 10)
        stream = io.BytesIO(b'"' + b"a" * 100 + b'"')
        with pytest.raises(drf.problems.TooLarge):
            drf.JSONParser().parse(stream)
        assert stream.tell() == 11
