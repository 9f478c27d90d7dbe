"""Editable defaults per severity (decision 15), and the database's own guard of the
append-only activity."""

from django.db import migrations

POLICIES = [
    ("SEV1", 15, 20, 30),
    ("SEV2", 15, 25, 30),
    ("SEV3", 30, 30, 30),
    ("SEV4", 60, 0, 30),
    ("SEV5", 60, 0, 30),
]
FROZEN = (
    "incident_id, sequence, at, actor_id, actor_person, verb, subject_ref, sentence, "
    "reason, data, history_rows, previous_hash, hash"
)


def make_policies(apps, schema_editor):
    policy = apps.get_model("incidents", "SeverityPolicy")
    for severity, gap, cadence, sustain in POLICIES:
        policy.objects.get_or_create(
            severity=severity,
            defaults={
                "gap_minutes": gap,
                "cadence_minutes": cadence,
                "sustain_minutes": sustain,
            },
        )


def make_guard(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            """
            CREATE FUNCTION incidents_activity_is_append_only() RETURNS trigger AS $$
            BEGIN
                RAISE EXCEPTION 'activity entries are append-only';
            END;
            $$ LANGUAGE plpgsql;
            """
        )
        schema_editor.execute(
            f"""
            CREATE TRIGGER incidents_activity_no_change
            BEFORE DELETE OR UPDATE OF {FROZEN} ON incidents_activityentry
            FOR EACH ROW EXECUTE FUNCTION incidents_activity_is_append_only();
            """
        )
    elif schema_editor.connection.vendor == "sqlite":
        # No DELETE trigger: SQLite has no TRUNCATE, which test runs need.
        schema_editor.execute(
            f"""
            CREATE TRIGGER incidents_activity_no_change
            BEFORE UPDATE OF {FROZEN} ON incidents_activityentry
            BEGIN SELECT RAISE(ABORT, 'activity entries are append-only'); END;
            """
        )


def drop_guard(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "DROP TRIGGER incidents_activity_no_change ON incidents_activityentry"
        )
        schema_editor.execute("DROP FUNCTION incidents_activity_is_append_only")
    elif schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER incidents_activity_no_change")


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_initial")]
    operations = [
        migrations.RunPython(make_policies, migrations.RunPython.noop),
        migrations.RunPython(make_guard, drop_guard),
    ]
