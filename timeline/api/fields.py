"""Fields that the timeline's API shares."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema_field

from incidents.api.base import MomentField

_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@extend_schema_field(
    {
        "type": "string",
        "description": "A time with its offset, or a bare day for the precision `day`.",
        "example": "2026-03-10T14:05:00Z",
    }
)
class WhenField(MomentField):
    """A time with its offset, such as 2026-03-10T14:05:00Z; or a bare day such as
    2026-03-10, which only the precision 'day' takes."""

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str) and _DAY.match(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                self.fail("invalid", format="2026-03-10")
        return super().to_internal_value(value)
