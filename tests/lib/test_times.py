"""Times that no record can mean."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from postmortem.lib.times import read_time, refuse_odd_year


class TestReadTime:
    @pytest.mark.parametrize("text", ["20260310", "2026-W11-2", "2026-03-10"])
    def test_never_takes_a_bare_day_for_midnight(self, text):
        """R-TL-02"""
        with pytest.raises(ValidationError) as caught:
            read_time(text, clock_zone="UTC")
        assert caught.value.code == "bare_day"

    @pytest.mark.parametrize(
        ("text", "zone"),
        [
            ("0001-01-01T00:00:00+14:00", "UTC"),
            ("0001-01-01 00:00", "Asia/Tokyo"),
            ("9999-12-31 23:59", "America/New_York"),
        ],
    )
    def test_refuses_a_year_that_no_zone_can_show(self, text, zone):
        with pytest.raises(ValidationError) as caught:
            read_time(text, clock_zone=zone)
        assert caught.value.code == "odd_year"

    def test_refuses_a_long_text_without_repeating_it(self):
        with pytest.raises(ValidationError) as caught:
            read_time("9" * 100_000, clock_zone="UTC")
        assert len(caught.value.messages[0]) < 300


class TestRefuseOddYear:
    def test_takes_days_moments_and_nothing(self):
        for moment in (
            None,
            dt.date(1970, 1, 1),
            dt.datetime(2199, 1, 1, tzinfo=dt.UTC),
        ):
            refuse_odd_year(moment)

    def test_refuses_the_years_beyond(self):
        for year in (1969, 2200):
            with pytest.raises(ValidationError):
                refuse_odd_year(dt.date(year, 1, 1))
