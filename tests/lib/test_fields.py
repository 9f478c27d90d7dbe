"""What a link may carry."""

import pytest
from django.core.exceptions import ValidationError

from postmortem.lib.fields import clean_text, is_blank, validate_link

NOTHING = [
    *("", " \n\t", "\u200b\u200b", "\ufeff"),
    *("\u2060\u00ad", "\u3164", "\u202e", "\u0301"),
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
