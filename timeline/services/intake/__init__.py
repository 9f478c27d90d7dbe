"""Foreign logs become candidates, never facts: a reader for each kind of source."""
