"""Pages that belong to no app: the health check."""

from django.db import connection
from django.http import HttpRequest, HttpResponse

from accounts.decorators import public


@public
def healthz(request: HttpRequest) -> HttpResponse:
    """200 'ok' when the process answers and the database does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")
