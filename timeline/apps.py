"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig

from postmortem.lib.tabs import live_rows, register_clock, register_tab


class TimelineConfig(AppConfig):
    name = "timeline"
    verbose_name = "Timeline"

    def ready(self) -> None:
        for module in ("record", "checks", "deadlines"):
            import_module(f"timeline.{module}")
        register_tab(
            "timeline",
            "Timeline",
            "timeline:entry_list",
            20,
            live_rows("timeline.Entry"),
        )
        register_clock(import_module("timeline.selectors").clock_range)
