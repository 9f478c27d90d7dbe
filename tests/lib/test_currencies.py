"""The list of currencies: complete in kind, with nothing that is no money."""

import pytest

from postmortem.lib.currencies import (
    IN_USE,
    MINOR_DIGITS,
    WITHDRAWN,
    is_currency,
    minor_digits,
)


class TestIsCurrency:
    @pytest.mark.parametrize("code", ["EUR", "USD", "JPY", "BRL", "XOF", "CLF", "ZWG"])
    def test_takes_one_in_use(self, code):
        assert is_currency(code)

    @pytest.mark.parametrize("code", ["HRK", "BGN", "LTL", "VEF"])
    def test_takes_one_that_an_older_incident_was_paid_in(self, code):
        """R-MT-02"""
        assert is_currency(code)

    @pytest.mark.parametrize("code", ["ZZZ", "XXX", "XTS", "eur", "", "EURO", "DEM"])
    def test_refuses_what_is_no_money(self, code):
        assert not is_currency(code)


def test_every_code_has_three_capitals():
    assert all(len(code) == 3 and code.isupper() for code in IN_USE | WITHDRAWN)
    assert not IN_USE & WITHDRAWN


class TestMinorDigits:
    @pytest.mark.parametrize(
        ("code", "digits"),
        [("JPY", 0), ("XOF", 0), ("EUR", 2), ("IQD", 3), ("LYD", 3), ("CLF", 4)],
    )
    def test_are_those_of_the_standard(self, code, digits):
        assert minor_digits(code) == digits

    def test_are_told_of_currencies_only(self):
        assert MINOR_DIGITS.keys() <= IN_USE | WITHDRAWN
