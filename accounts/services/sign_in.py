"""How people come in, and how they are signed out elsewhere."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.sessions.models import Session
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by an administrator: nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: Any) -> None:
        """A mail that does not get away is told in the log. Its sender gets the same
        page as ever: else the page would tell whose addresses are known here."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError):
            logger.exception("the mail %s was not sent", template_prefix)


class SignInBackend(AuthenticationBackend):  # type: ignore[misc]
    """Sign-in by email. The person of a session comes with their roles in one query:
    every page asks for both."""

    def get_user(self, user_id: int) -> User | None:
        person = User.objects.filter(pk=user_id).order_by()
        rows = list(person.annotate(group=F("groups__name")))
        if not rows or not self.user_can_authenticate(rows[0]):
            return None
        rows[0].roles = rows[0].roles_in(row.group for row in rows if row.group)
        return rows[0]


def end_other_sessions(*, actor: User, keep: str) -> int:
    """Sign `actor` out of every session but the one with the key `keep`."""
    ended = 0
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.session_key != keep and session.get_decoded().get(
            "_auth_user_id"
        ) == str(actor.pk):
            session.delete()
            ended += 1
    return ended
