"""Model fields of the house: one line, prose, money. Text is stored NFC, without
control characters and overrides of the reading order, trimmed; card numbers and live
secrets are refused."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models

from postmortem.lib import sensitive

if TYPE_CHECKING:
    _Char = models.CharField[str, str]
    _Text = models.TextField[str, str]
    _Decimal = models.DecimalField[Any, Any]
else:
    _Char, _Text, _Decimal = models.CharField, models.TextField, models.DecimalField

# An override (U+202D, U+202E) shows letters in another order than they are stored in:
# "approved" can be read where something else stands. No script needs one; Arabic and
# Hebrew run from right to left by themselves.
_OVERRIDES = "\u202d\u202e"
NEVER_HELD = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f{_OVERRIDES}]")
PROSE_LIMIT = 10_000


# Letters and signs by their kind, that show nothing.
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_blank(text: str) -> bool:
    """Whether a text shows nothing to its reader: no words, spaces, or only characters
    without a shape, such as a zero-width space."""
    return not any(
        unicodedata.category(sign)[0] in "LNPS" and sign not in _FILLERS
        for sign in text
    )


def clean_text(value: str) -> str:
    """Trimmed NFC text with line feeds only, '' where it shows nothing; raises on
    control characters and on overrides of the reading order."""
    text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").strip()
    found = NEVER_HELD.search(text)
    if found and found[0] in _OVERRIDES:
        before = " ".join(text[max(found.start() - 20, 0) : found.start()].split())
        place = f"after “{before}”" if before else "at its start"
        raise ValidationError(
            f"Remove the hidden sign U+{ord(found[0]):04X} {place}: it turns the order "
            "of the letters around, so that what is read is not what is stored.",
            code="direction_override",
        )
    if found:
        raise ValidationError(
            "Remove the control characters (for example NUL) from this text.",
            code="control_characters",
        )
    return "" if is_blank(text) else text


# What a name in a link says when its value is a secret, without separators.
_SECRET_NAMES = frozenset(
    {
        "auth",
        "authorization",
        "awsaccesskeyid",
        "credentials",
        "jsessionid",
        "jwt",
        "passwd",
        "phpsessid",
        "pwd",
        "sessionid",
        "sig",
    }
)
_SECRET_ENDS = ("token", "password", "secret", "signature", "credential", "apikey")
_NO_SECRETS = frozenset({"pagetoken", "nextpagetoken", "continuationtoken"})


def validate_link(url: str) -> None:
    """A link that may stand in a record: http or https, and nothing in it that opens
    the door to whoever reads it (a name, password, token or signature)."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValidationError(f"“{url[:80]}” is not a link.", code="invalid") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValidationError(
            "Give a link that begins with https:// or http://.", code="invalid"
        )
    # A fragment may hold a query of its own (…#/path?token=), a path its parameters.
    said = re.split(r"[?&;#/]", f"{parts.path}?{parts.query}#{parts.fragment}")
    names = {
        re.sub(r"[^a-z0-9]", "", unquote(part.partition("=")[0]).lower())
        for part in said
        if "=" in part
    }
    if "@" in parts.netloc or any(
        name in _SECRET_NAMES or name.endswith(_SECRET_ENDS)
        for name in names - _NO_SECRETS
    ):
        raise ValidationError(
            "This link carries a credential (a name, password, token or signature). "
            "Give the plain address: readers sign in with their own account.",
            code="credentials",
        )
    sensitive.refuse(unquote(url))


# Of a field that has to be filled: what somebody sent may look like text to a program.
_NOTHING_SAID: dict[str, Any] = {
    "blank": "This is empty, or holds only signs that show nothing."
}


class LineField(_Char):
    """One line of text; empty means 'not stated'."""

    default_error_messages = _NOTHING_SAID
    default_validators = [sensitive.refuse]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 300)
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        return None if value is None else " ".join(clean_text(str(value)).split("\n"))


class ProseField(_Text):
    """A few sentences; empty means 'not stated'. At most 10,000 characters."""

    default_error_messages = _NOTHING_SAID
    default_validators = [MaxLengthValidator(PROSE_LIMIT), sensitive.refuse]

    def to_python(self, value: Any) -> Any:
        return None if value is None else clean_text(str(value))


# How an amount is written, everywhere.
AMOUNT = r"^-?[0-9]+(\.[0-9]+)?$"


def read_amount(text: str) -> Decimal:
    """The amount that a text says; it has no exponent and no grouping."""
    if not re.fullmatch(AMOUNT, text):
        raise ValidationError(
            f"“{text[:40]}” is not an amount. Write 412860.20, with a point before the "
            "cents; the currency stands in its own field.",
            code="invalid",
        )
    return Decimal(text)


class AmountField(_Decimal):
    """An amount of money in the currency that stands beside it; never a float."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 19)
        kwargs.setdefault("decimal_places", 4)
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        """Zero has no sign: no database keeps one, and the history is read again."""
        amount = super().to_python(value)
        return amount.copy_abs() if amount == 0 else amount
