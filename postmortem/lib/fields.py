"""Model fields of the house: one line, prose, money. Text is stored NFC, without
control characters, trimmed."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models

if TYPE_CHECKING:
    _Char = models.CharField[str, str]
    _Text = models.TextField[str, str]
    _Decimal = models.DecimalField[Any, Any]
else:
    _Char, _Text, _Decimal = models.CharField, models.TextField, models.DecimalField

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
PROSE_LIMIT = 10_000


def clean_text(value: str) -> str:
    """Trimmed NFC text with line feeds only; raises on control characters."""
    text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").strip()
    if _CONTROL.search(text):
        raise ValidationError(
            "Remove the control characters (for example NUL) from this text.",
            code="control_characters",
        )
    return text


class LineField(_Char):
    """One line of text; empty means 'not stated'."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 300)
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        return None if value is None else " ".join(clean_text(str(value)).split("\n"))


class ProseField(_Text):
    """A few sentences; empty means 'not stated'. At most 10,000 characters."""

    default_validators = [MaxLengthValidator(PROSE_LIMIT)]

    def to_python(self, value: Any) -> Any:
        return None if value is None else clean_text(str(value))


class AmountField(_Decimal):
    """An amount of money in the currency that stands beside it; never a float."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 19)
        kwargs.setdefault("decimal_places", 4)
        super().__init__(*args, **kwargs)
