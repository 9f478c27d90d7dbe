"""The JSON that the API reads: of bounded size and depth, unambiguous, real text."""

from __future__ import annotations

import json
from typing import Any

from rest_framework import exceptions, parsers

from postmortem.lib.drf.problems import TooLarge
from postmortem.lib.json_text import read_json

# As large as a case file may be; uploads come as multipart and stream to disk.
MAX_BODY = 50 * 1024 * 1024
# Of a view that states no other number as `most_values`.
MOST_VALUES = 100_000


class JSONParser(parsers.JSONParser):
    """JSON as this API reads it: of bounded size and depth, each key once, and only
    text that UTF-8 can hold. What is refused is a 400 in words, never a crash."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> Any:
        raw = stream.read(MAX_BODY + 1)
        if len(raw) > MAX_BODY:
            raise TooLarge(f"The body is larger than {MAX_BODY // 1024 // 1024} MB.")
        try:
            text = raw.decode("utf-8-sig")
            view = (parser_context or {}).get("view")
            body = read_json(text, most=getattr(view, "most_values", MOST_VALUES))
            json.dumps(body, ensure_ascii=False).encode()
        except RecursionError as error:
            raise exceptions.ParseError("The JSON is nested too deeply.") from error
        except UnicodeDecodeError as error:
            raise exceptions.ParseError("The body is not UTF-8 text.") from error
        except UnicodeEncodeError as error:
            raise exceptions.ParseError(
                "The JSON holds half of a Unicode pair."
            ) from error
        except ValueError as error:
            raise exceptions.ParseError(f"This is not JSON: {error}") from error
        return body
