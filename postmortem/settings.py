"""The one settings file. Everything that differs between machines is read from the
environment by a typed reader that fails loudly; `NAME_FILE` names a secret's file."""

import json
import secrets
from pathlib import Path

import environ
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from postmortem.lib.cache import cache_settings

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def secret(name: str, default: str | None = None) -> str:
    """A secret from `NAME_FILE` (a path) or `NAME`; the file wins."""
    path: str | None = env.str(f"{name}_FILE", default=None)
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(
                f"{name}_FILE points to {path}, which cannot be read: {error}."
            ) from error
    value: str | None = env.str(name, default=default)
    if value is None:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE.")
    return value


def generated_secret(name: str) -> str:
    """A secret of the embedded default: made once, kept in the data folder, 0600."""
    given = secret(name, default="")
    if given:
        return given
    path = DATA_DIR / f"{name.lower()}.txt"
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(64), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def running_broker() -> str:
    """The broker of the instance that `up` runs on this data folder, so that a command
    beside it reaches it; else none: work waits in its rows for the next sweep."""
    try:
        lock = json.loads((DATA_DIR / "up.lock").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "memory://localhost/"
    return str(lock.get("broker_url") or "memory://localhost/")


DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY = generated_secret("SECRET_KEY")
# Keys of before: what they signed stays good while the new one takes over.
SECRET_KEY_FALLBACKS = secret("SECRET_KEY_FALLBACKS", default="").split()
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"]
)
BASE_URL: str = env.str("BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
HTTPS: bool = BASE_URL.startswith("https://")
DEMO: bool = env.bool("DEMO", default=False)
VERSION = "0.1.0"

INSTALLED_APPS = [
    "postmortem",
    "accounts",
    "incidents",
    "timeline",
    "rca",
    "actions",
    "review",
    "postmortem.apps.InspectionConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "simple_history",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "postmortem.lib.drf.ProblemMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.NeverStoredMiddleware",
    "accounts.middleware.ReadOrSentMiddleware",
    "accounts.middleware.BodyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "postmortem.lib.htmx.LoginRedirectMiddleware",
    "postmortem.lib.htmx.DomainErrorMiddleware",
    "accounts.middleware.DeniedUnlessDeclaredMiddleware",
]

ROOT_URLCONF = "postmortem.urls"
WSGI_APPLICATION = "postmortem.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "incidents.views.navigation",
                "postmortem.views.demo_accounts",
            ],
            "builtins": ["postmortem.lib.ui", "django.templatetags.static"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

DATABASE_URL = secret("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Deferred transactions fail at once under two writers, whatever the time-out:
    # IMMEDIATE takes the write lock at the start. Never ATOMIC_REQUESTS with it.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            " PRAGMA foreign_keys=ON;"
        ),
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.services.sign_in.SignInBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.services.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
# Nobody signs up by themselves, so a stranger's address gets no mail from here.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
}
ACCOUNT_USER_DISPLAY = "accounts.models.display_name"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
# Addresses are an administrator's word: nobody can claim somebody else's here.
MFA_ALLOW_UNVERIFIED_EMAIL = True

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
# Whether `collectstatic` has put the files there, hashed and compressed, as the image
# does. If not, they are served from where they lie, which needs no preparation.
STATIC_COLLECTED: bool = env.bool("STATIC_COLLECTED", default=False)
WHITENOISE_USE_FINDERS = not STATIC_COLLECTED
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "files"},
    },
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
EVIDENCE_MAX_BYTES: int = env.int("EVIDENCE_MAX_BYTES", default=250 * 1024 * 1024)
# Hosts that links may lead to; without any, every host is accepted and none is asked.
EVIDENCE_LINK_HOSTS: list[str] = env.list("EVIDENCE_LINK_HOSTS", default=[])
# Internal networks (10.20.0.0/16) in which listed hosts may be asked; else none is.
EVIDENCE_LINK_NETWORKS: list[str] = env.list("EVIDENCE_LINK_NETWORKS", default=[])
# On the disk of the files: keeping one is giving it another name.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "files" / "tmp"
FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
FILE_UPLOAD_HANDLERS = ["postmortem.lib.uploads.Receiver"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
SEAL_KEY = secret("SEAL_KEY", default="")
# Public keys (hex) of seals made before the key was changed.
SEAL_PUBLIC_KEYS: list[str] = env.list("SEAL_PUBLIC_KEYS", default=[])

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_SSL_REDIRECT = HTTPS and env.bool("SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Else the limits of sign-in would count everybody as the proxy's one address.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "manifest-src": ["'self'"],
    }
}

EMAIL_HOST = env.str("EMAIL_HOST", default="")
# Without a mail server, mails are kept as files.
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if EMAIL_HOST
    else "postmortem.lib.mail.KeptMail"
)
MAIL_DIR = DATA_DIR / "mail"
EMAIL_PORT = env.int("EMAIL_PORT", default=25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = secret("EMAIL_HOST_PASSWORD", default="")
EMAIL_TIMEOUT = 10  # seconds: a mail server that hangs must not hold a web process
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="postmortem@localhost")

CELERY_BROKER_URL = secret("BROKER_URL", default=running_broker())
CACHES = {"default": cache_settings(secret("CACHE_URL", default=CELERY_BROKER_URL))}
# For how long the figures beside lists are kept for a person; 0: counted each time.
FIGURES_SECONDS: int = env.int("FIGURES_SECONDS", default=10)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 240
CELERY_TASK_SOFT_TIME_LIMIT = 200
CELERY_TASK_DEFAULT_QUEUE = "postmortem"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A killed worker's task comes back after visibility_timeout; the sweep's throttle of 1
# makes it 35 s late instead of 100 s. The time-out stays above the hard task limit.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BEAT_SCHEDULER = "postmortem.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat")
CELERY_BEAT_SCHEDULE = {
    "chase-deadlines": {
        "task": "actions.tasks.chase_deadlines",
        "schedule": crontab(minute="*/5"),
    },
    "deliver-notifications": {
        "task": "incidents.tasks.sweep_notifications",
        "schedule": 30.0,
    },
    "read-logs": {"task": "timeline.tasks.sweep_readings", "schedule": 30.0},
    "build-reports": {"task": "review.tasks.sweep_reports", "schedule": 30.0},
    "check-links": {
        "task": "incidents.tasks.sweep_links",
        "schedule": crontab(minute=17),
    },
    "check-files": {
        "task": "incidents.tasks.sweep_files",
        "schedule": crontab(minute="*/15"),
    },
    "open-reviews": {"task": "review.tasks.open_due_reviews", "schedule": 60.0},
    "forget-answers": {
        "task": "accounts.tasks.forget_answers",
        "schedule": crontab(minute=17),
    },
    "refresh-findings": {
        "task": "incidents.tasks.sweep_findings",
        "schedule": crontab(minute="*/10"),
    },
}

# Requests of one person in each web process; empty: no limit.
API_RATE: str = env.str("API_RATE", default="1200/min")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.TokenAuthentication",
        "accounts.api.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["postmortem.lib.drf.DenyUnlessDeclared"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["postmortem.lib.drf.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "postmortem.lib.drf.schema.Schema",
    "DEFAULT_PAGINATION_CLASS": "postmortem.lib.drf.CursorPagination",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "postmortem.lib.drf.problem_handler",
    "DEFAULT_THROTTLE_CLASSES": ["postmortem.lib.drf.PersonThrottle"],
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Postmortem API",
    "DESCRIPTION": (
        "Run a payment incident and its post-mortem in one evidence-backed record. "
        "Every write is a verb that calls the same service as the page does."
    ),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Choices stand in place: named components would collide (kind, state, status).
    "POSTPROCESSING_HOOKS": [],
}

# Filled with every ERROR check: a lost gate stops the program (system_checks.py).
# fmt: off
REQUIRED_CHECKS: list[str] = [
    "AI001", "AI002", "AI003", "AI005", "AI006",
    "AP001", "AP002", "AP003", "AP101", "AP102",
    "CK006", "CK007",
    "CT001", "CT002", "CT004", "CT005",
    "DOC001",
    "EV006",
    "KU001", "KU003",
    "RC001", "RC002", "RC003", "RC007",
    "RV001", "RV002",
    "SC001", "SC003", "SC004", "SC007", "SC009", "SC012", "SC013", "SC014",
    "TL002", "TL003", "TL004", "TL005", "TL006", "TL011", "TL016",
]
# fmt: on

# Under `manage.py up` all goes into a file, and the terminal shows what matters there.
LOG_FILE: str = env.str("LOG_FILE", default="")
LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "bare": {"format": "%(message)s"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "level": LOG_LEVEL,
        },
        "bare": {"class": "logging.StreamHandler", "formatter": "bare"},
        "file": {
            "class": "logging.handlers.WatchedFileHandler",
            "filename": LOG_FILE or "/dev/null",
            "formatter": "line",
            "encoding": "utf-8",
            "delay": True,
        },
    },
    "root": {
        "handlers": ["console", "file"] if LOG_FILE else ["console"],
        "level": "DEBUG" if LOG_LEVEL == "DEBUG" else "INFO",
    },
    "loggers": {
        # A refused or unknown address is everyday life, and an error page tells of it.
        "django.request": {"level": "ERROR"},
        # That a task has come is said again when it is done.
        "celery.worker.strategy": {"level": "WARNING"},
        "postmortem.mail": {
            "handlers": ["bare", "file"] if LOG_FILE else ["console"],
            "propagate": False,
        },
    },
}
