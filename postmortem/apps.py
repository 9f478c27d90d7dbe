"""App configuration of the composition root: its system checks and commands."""

from importlib import import_module

from django.apps import AppConfig


class PostmortemConfig(AppConfig):
    name = "postmortem"

    def ready(self) -> None:
        import_module("postmortem.system_checks")
