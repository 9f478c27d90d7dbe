"""What a person keeps for themselves beside the list of incidents."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import unquote_plus

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import User
from postmortem.lib import sensitive
from postmortem.lib.fields import LineField


def refuse_hidden(query: str) -> None:
    """No card number and no live secret among the words of a search either."""
    sensitive.refuse(unquote_plus(query))


class SavedFilter(models.Model):
    """A question to the list of incidents that one person asks again, by name. It
    belongs to nobody else and to no record.

    query: as it stands in the address of the list (`selectors.Filters.query`).
    """

    MOST: ClassVar[int] = 12  # a person has so many tabs and not more

    owner = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="saved_filters"
    )
    name = LineField(max_length=40, help_text="The tab above the list is called so.")
    query = models.CharField(max_length=4000, validators=[refuse_hidden])
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = [Lower("name")]
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="incidents_filter_name",
                violation_error_message="You have a filter of this name already. "
                "Choose another name.",
            )
        ]

    def __str__(self) -> str:
        return self.name
