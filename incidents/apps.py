"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"
    verbose_name = "Incidents"

    def ready(self) -> None:
        for module in ("record", "checks", "deadlines"):
            import_module(f"incidents.{module}")
