"""Searching titles and summaries by an index of trigrams, where the database has one."""

import logging

from django.db import DatabaseError, migrations, transaction

logger = logging.getLogger(__name__)
INDEXES = {
    "incidents_title_words": "title",
    "incidents_summary_words": "summary",
}


def add_indexes(apps, schema_editor):
    """PostgreSQL alone, and only where the role may load the extension or finds it
    loaded. Without them a search reads every incident: right, and slower."""
    if schema_editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(), schema_editor.connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as error:
        logger.warning("Search stays without its index: %s", error)
        return
    for name, column in INDEXES.items():
        schema_editor.execute(
            f"CREATE INDEX IF NOT EXISTS {name} ON incidents_incident"
            f" USING gin (upper({column}::text) gin_trgm_ops)"
        )


def remove_indexes(apps, schema_editor):
    for name in INDEXES:
        schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [("incidents", "0008_list_order")]

    operations = [migrations.RunPython(add_indexes, remove_indexes)]
