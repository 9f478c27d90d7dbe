"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig

from postmortem.lib.tabs import register_clock, register_tab


class TimelineConfig(AppConfig):
    name = "timeline"
    verbose_name = "Timeline"

    def ready(self) -> None:
        # The last one has a redaction forget what was copied.
        for module in ("record", "checks", "deadlines", "services.intake.worker"):
            import_module(f"timeline.{module}")
        selectors = import_module("timeline.selectors")
        register_tab(
            "timeline",
            "Timeline",
            "timeline:entry_list",
            20,
            selectors.live_count,
        )
        register_clock(selectors.known_clock)
