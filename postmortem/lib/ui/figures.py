"""Amounts, hashes and keys."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from uuid import uuid4

from postmortem.lib.currencies import decimals, minor_digits
from postmortem.lib.ui.base import register
from postmortem.lib.ui.clocks import NOT_RECORDED

CURRENCY_SIGNS = {"EUR": "€", "GBP": "£"}


@register.filter
def money(value: Decimal | int | str | None, currency: str = "") -> str:
    """An amount with grouping and its ISO 4217 currency: '€412,860.20', 'USD 12.00'.

    Digits beyond the currency's own are shown, never rounded away.
    """
    if value is None or value == "":
        return NOT_RECORDED
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not amount.is_finite():
        return str(value)
    code = str(currency or "").upper()
    digits = max(minor_digits(code), decimals(amount))
    sign = "−" if amount < 0 else ""
    number = f"{abs(amount):,.{digits}f}"
    if code in CURRENCY_SIGNS:
        return f"{sign}{CURRENCY_SIGNS[code]}{number}"
    return f"{code} {sign}{number}".strip()


@register.filter
def shorthash(value: str | None) -> str:
    """The first and last four characters of a hash: '7f3a…c21e'."""
    text = str(value or "").removeprefix("sha256:")
    return text if len(text) <= 12 else f"{text[:4]}…{text[-4:]}"


@register.simple_tag
def client_key() -> str:
    """A name of its own for one form as it is shown: sent twice, it is done once."""
    return str(uuid4())
