"""The list of currencies: complete in kind, with nothing that is no money."""

import pytest

from postmortem.lib.currencies import IN_USE, WITHDRAWN, is_currency


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
