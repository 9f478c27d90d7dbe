"""Record sections: each app declares which fields of its models are recorded facts.

From one declaration (`Shape`) come the canonical JSON that the content hash covers, the
JSON Schema of the case format, and the import. Sections stand in the order of the
story; inside a section rows are ordered by number.
"""

from postmortem.lib.record.exporting import build_record, record_of, ref_order
from postmortem.lib.record.loading import (
    HIGHEST_GIVEN,
    IMPORT_REASON,
    Loader,
    read_value,
)
from postmortem.lib.record.reading import Rows, every_row, live_rows, with_rows
from postmortem.lib.record.schema import json_schema
from postmortem.lib.record.shapes import (
    ENOUGH_FAULTS,
    SCHEMA_VERSION,
    SHAPES,
    Fault,
    Links,
    MalformedCase,
    Refs,
    Shape,
    register,
)

__all__ = [
    "ENOUGH_FAULTS",
    "HIGHEST_GIVEN",
    "IMPORT_REASON",
    "SCHEMA_VERSION",
    "SHAPES",
    "Fault",
    "Links",
    "Loader",
    "MalformedCase",
    "Refs",
    "Rows",
    "Shape",
    "build_record",
    "every_row",
    "json_schema",
    "live_rows",
    "read_value",
    "record_of",
    "ref_order",
    "register",
    "with_rows",
]
