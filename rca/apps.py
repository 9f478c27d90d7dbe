"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig

from postmortem.lib.tabs import live_rows, register_tab


class RcaConfig(AppConfig):
    name = "rca"
    verbose_name = "Root cause"

    def ready(self) -> None:
        for module in ("record", "checks"):
            import_module(f"rca.{module}")
        register_tab(
            "causes", "Root cause", "rca:cause_list", 40, live_rows("rca.Cause")
        )
