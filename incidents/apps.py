"""App configuration: loads what this app registers."""

from importlib import import_module

from django.apps import AppConfig

from postmortem.lib.tabs import live_rows, register_tab


class IncidentsConfig(AppConfig):
    name = "incidents"
    verbose_name = "Incidents"

    def ready(self) -> None:
        for module in ("record", "checks", "deadlines"):
            import_module(f"incidents.{module}")
        register_tab("overview", "Overview", "incidents:incident_detail", 10)
        register_tab(
            "evidence",
            "Evidence",
            "incidents:evidence_list",
            30,
            live_rows("incidents.Evidence"),
        )
        register_tab("activity", "Activity", "incidents:activity_list", 90)
