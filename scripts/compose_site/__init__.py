"""The compose file without an engine: read, started and used as a team would."""
