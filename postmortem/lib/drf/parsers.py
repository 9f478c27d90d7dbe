"""The JSON that the API reads: of bounded size and depth, unambiguous, real text."""

from __future__ import annotations

import json
from typing import Any

from rest_framework import exceptions, parsers

from postmortem.lib.drf.problems import TooLarge

# As large as a case file may be; uploads come as multipart and stream to disk.
MAX_BODY = 50 * 1024 * 1024


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
            body = json.loads(
                text, parse_constant=_no_constant, object_pairs_hook=_no_twins
            )
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


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number.")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in body if keys.count(key) > 1)
        raise ValueError(f"the key “{twin}” stands twice in one object.")
    return body
