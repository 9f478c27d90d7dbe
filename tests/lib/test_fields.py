"""What a link may carry."""

import re

import pytest
from django.core.exceptions import ValidationError

from postmortem.lib.fields import clean_text, is_blank, validate_link

NOTHING = [
    *("", " \n\t", "\u200b\u200b", "\ufeff"),
    *("\u2060\u00ad", "\u3164", "\u202c", "\u0301"),
]
SIGNS = ["0", "-", "…", "💥", "م", "\u200bx", "👨\u200d👩\u200d👧"]


class TestIsBlank:
    @pytest.mark.parametrize("text", NOTHING)
    def test_is_so_of_what_shows_nothing(self, text):
        assert is_blank(text)
        assert clean_text(text) == ""

    @pytest.mark.parametrize(
        "text", ["0", "-", "…", "💥", "م", "\u200bx", "👨\u200d👩\u200d👧"]
    )
    def test_is_not_so_of_words_and_signs(self, text):
        assert not is_blank(text)
        assert clean_text(text) == text


class TestCleanText:
    @pytest.mark.parametrize(
        ("text", "sign", "place"),
        [
            ("Refund of \u202e005\u202c is approved", "U+202E", "after “Refund of”"),
            ("\u202dpaid\u202c", "U+202D", "at its start"),
            ("First line\nthen \u202eon", "U+202E", "after “First line then”"),
        ],
    )
    def test_refuses_what_turns_letters_around_and_says_where(self, text, sign, place):
        """R-DOC-06: a reader verifies what is stored, not what it was made to look."""
        with pytest.raises(
            ValidationError, match=f"{re.escape(sign)} {place}"
        ) as caught:
            clean_text(text)
        assert caught.value.code == "direction_override"

    @pytest.mark.parametrize(
        "text",
        [
            "البوابة ترفض البطاقات منذ 14:05",
            "השער מסרב לכרטיסים, 412 EUR",
            "call \u202a+971 4 555 0100\u202c",  # as telephones copy a number
            "by \u2068أحمد\u2069, at noon",
        ],
    )
    def test_takes_scripts_that_run_from_right_to_left(self, text):
        assert clean_text(text) == text


class TestValidateLink:
    @pytest.mark.parametrize(
        "url",
        [
            "https://dash.example/d/orders?from=1&to=2#panel-4",
            "http://tracker.example:8080/browse?key=PAY-12&page_token=b",
            "https://wiki.example/authors/token-rotation",
        ],
    )
    def test_takes_a_plain_address(self, url):
        validate_link(url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://ann:secret@dash.example/",
            "https://dash.example/?token=abc",
            "https://dash.example/#access_token=abc",
            "https://dash.example/#/path?client-secret=abc",
            "https://dash.example/a;jsessionid=abc",
            "https://dash.example/?X-Amz-Security-Token=abc",
            "https://dash.example/?%70assword=abc",
            "https://dash.example/?api_key=abc",
        ],
    )
    def test_refuses_one_that_lets_its_reader_in(self, url):
        with pytest.raises(ValidationError) as caught:
            validate_link(url)
        assert caught.value.code == "credentials"

    @pytest.mark.parametrize(
        "url",
        ["javascript:alert(1)", "ftp://h/x", "//h/x", "http://[::1", "http://h:99999/"],
    )
    def test_refuses_what_is_no_web_address(self, url):
        with pytest.raises(ValidationError) as caught:
            validate_link(url)
        assert caught.value.code == "invalid"
