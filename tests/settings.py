"""Settings of the test suite: the product's, with a few overrides."""

import os
import tempfile

if "DATA_DIR" not in os.environ:
    folder = tempfile.TemporaryDirectory(prefix="postmortem-test-")
    os.environ["DATA_DIR"] = folder.name
os.environ.setdefault("SECRET_KEY", "not-secret-only-for-tests-" * 3)

from postmortem.settings import *  # noqa: F403
from postmortem.settings import DATA_DIR, DATABASES, STORAGES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_BROKER_URL = os.environ.get("TEST_BROKER_URL", "memory://localhost/")
DATABASES["default"]["CONN_MAX_AGE"] = 0
API_RATE = ""  # under a frozen clock every request falls into one minute
FIGURES_SECONDS = 0  # what a test has just written is counted
