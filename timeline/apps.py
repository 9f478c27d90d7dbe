"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig


class TimelineConfig(AppConfig):
    name = "timeline"
    verbose_name = "Timeline"

    def ready(self) -> None:
        for module in ("record", "checks", "deadlines"):
            import_module(f"timeline.{module}")
