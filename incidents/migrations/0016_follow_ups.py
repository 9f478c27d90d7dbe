from django.db import migrations, models
from django.db.models import F, Q


def note(apps, schema_editor):
    """On closed incidents that were there before the note: where a scheduled action was
    completed, run or given an artifact after closing. The next deed looks exactly."""
    Action = apps.get_model("actions", "ActionItem")
    Snapshot = apps.get_model("incidents", "FindingSnapshot")
    closed_at = F("incident__closed_at")
    moved = (
        Action.objects.filter(
            incident__status="closed",
            state="completed",
            timing="scheduled",
            retracted_at=None,
        )
        .filter(
            Q(completed_at__gt=closed_at)
            | Q(closure_tests__runs__recorded_at__gt=closed_at)
            | Q(closure_tests__runs__evidence_links__linked_at__gt=closed_at)
        )
        .order_by()
        .values("incident")
    )
    for row in Snapshot.objects.filter(incident__in=moved).iterator():
        row.facts["follow_up"] = True
        row.save(update_fields=["facts"])


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0015_a_link_of_an_import_names_nobody"),
        ("actions", "0003_relations_in_order"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="findingsnapshot",
            index=models.Index(
                condition=models.Q(("facts__has_key", "follow_up")),
                fields=["incident"],
                name="incidents_follow_up",
            ),
        ),
        migrations.RunPython(note, migrations.RunPython.noop),
    ]
