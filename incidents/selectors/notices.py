"""What the product told one person."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import User
from incidents.models import Notification
from incidents.models.case import visible_to


def notices(user: User) -> QuerySet[Notification]:
    """This person's messages, newest first, but for those of an incident that they may
    no longer see."""
    return Notification.objects.filter(
        Q(incident=None) | visible_to(user, "incident__"), recipient=user
    )
