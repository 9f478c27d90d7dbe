"""Django system checks: the program does not start without its required checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from postmortem.lib.findings import REGISTRY


@register()
def required_checks_are_registered(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """A registry loses a gate silently when an app stops loading its checks: an id of
    settings.REQUIRED_CHECKS that nobody registered is an error."""
    missing = sorted(set(settings.REQUIRED_CHECKS) - set(REGISTRY))
    return [
        Error(
            f"Required check {check_id} is not registered: closing would be unguarded.",
            hint="Load the module that registers it in the app's AppConfig.ready().",
            id="postmortem.E001",
        )
        for check_id in missing
    ]
