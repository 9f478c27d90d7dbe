"""Who must approve a closure, per severity (editable)."""

from django.db import migrations


def make_policies(apps, schema_editor):
    policy = apps.get_model("review", "ClosurePolicy")
    for severity in ("SEV1", "SEV2", "SEV3", "SEV4", "SEV5"):
        high = severity in ("SEV1", "SEV2")
        policy.objects.get_or_create(
            severity=severity,
            defaults={
                "approvals": 2,
                "managers": 2 if high else 1,
                "engineering_and_finance": high,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("review", "0001_initial")]
    operations = [migrations.RunPython(make_policies, migrations.RunPython.noop)]
