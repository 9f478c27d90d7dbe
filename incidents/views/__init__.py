"""Pages of the case file, by noun."""

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, object]:
    """Context of every page: the top navigation."""
    return {"nav_items": []}
