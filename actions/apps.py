"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig


class ActionsConfig(AppConfig):
    name = "actions"
    verbose_name = "Actions"

    def ready(self) -> None:
        for module in ("record", "checks", "deadlines"):
            import_module(f"actions.{module}")
