"""Pages that belong to no app: the health check; the context of the sign-in page."""

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.decorators import public
from postmortem import demo


def demo_accounts(request: HttpRequest) -> dict[str, object]:
    """Context of the sign-in page while the demonstration runs."""
    if settings.DEMO and request.path == reverse("account_login"):
        return {"demo_accounts": demo.accounts(), "demo_password": demo.PASSWORD}
    return {}


@public
def healthz(request: HttpRequest) -> HttpResponse:
    """200 'ok' when the process answers and the database does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")
