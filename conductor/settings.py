"""
Settings of the one deployment, read from the environment.

`manage.py` and the supervisor fill the environment from the data directory before
Django starts; on other machines it is filled by hand (README, "A PostgreSQL of your
own"). A missing value stops the start with its name.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def required(name: str) -> str:
    """Return an environment variable that nothing can stand in for."""
    value = os.environ.get(name, "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. Start through bin/up, bin/test or manage.py, "
            "which set it, or set it yourself."
        )
    return value


def flag(name: str, *, default: bool) -> bool:
    """Read a switch: 1, true, yes, on in any case are true."""
    value = os.environ.get(name, "").strip().lower()
    return value in {"1", "true", "yes", "on"} if value else default


def postgres(url: str) -> dict[str, Any]:
    """
    Turn `postgresql://user:password@host:port/name?host=/socket/dir` into Django's form.

    Query parameters other than `host` and `port` go to libpq as they are (sslmode ...).
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("A database URL starts with postgresql://")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": query.pop("port", "") or str(parts.port or ""),
        "OPTIONS": dict(query),
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 600,
    }


BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("CONDUCTOR_DATA") or BASE_DIR / "var").resolve()
VERSION = "0.1.0"

SECRET_KEY = required("CONDUCTOR_SECRET_KEY")
ENCRYPTION_KEY = required("CONDUCTOR_ENCRYPTION_KEY")
DEBUG = flag("CONDUCTOR_DEBUG", default=False)
PUBLIC_URL = os.environ.get("CONDUCTOR_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = [
    host
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "testserver",
        urlsplit(PUBLIC_URL).hostname or "",
        *os.environ.get("CONDUCTOR_HOSTS", "").split(","),
    ]
    if host
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# Hosts (`name` or `name:port`) that webhooks may call although they are not on the public
# internet, such as a warehouse in one's own network. Of the whole deployment, never of an account.
OUTGOING_ALLOW = [
    host.strip().lower()
    for host in os.environ.get("CONDUCTOR_OUTGOING_ALLOW", "").split(",")
    if host.strip()
]
# Whom sender domains are asked of (`address` or `address:port`); empty: the system's servers.
DNS_SERVERS = [
    server.strip() for server in os.environ.get("CONDUCTOR_DNS", "").split(",") if server.strip()
]
# How many reverse proxies of one's own stand in front: then X-Forwarded-For names the caller.
PROXIES = int(os.environ.get("CONDUCTOR_PROXIES", "0"))

# How many full months of events and visits are kept before this one; 0 keeps all.
KEEP_MONTHS = int(os.environ.get("CONDUCTOR_KEEP_MONTHS") or "0")
# Calls that one integration may make in a minute; each answer says what is left.
API_CALLS_PER_MINUTE = int(os.environ.get("CONDUCTOR_API_CALLS_PER_MINUTE") or "60000")
# Who may read /metrics from elsewhere: whoever sends this as a bearer token.
METRICS_TOKEN = os.environ.get("CONDUCTOR_METRICS_TOKEN", "")

# The plain role does everything but migrations; the owner's address is known only where
# something is to be built (migrate, bin/up, backup, the test set-up).
DATABASES = {"default": postgres(required("DATABASE_URL"))}
if os.environ.get("DATABASE_OWNER_URL"):
    DATABASES["owner"] = postgres(os.environ["DATABASE_OWNER_URL"])
    DATABASES["owner"]["TEST"] = {"MIRROR": None, "DEPENDENCIES": []}
# django-q2 forks: a pool opened before the fork would be shared by its children.
if os.environ.get("CONDUCTOR_ROLE") == "web":
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 8, "timeout": 10}
DATABASE_ROUTERS = ["accounts.tenancy.routing.OwnerRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "accounts.apps.SupportConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "django_htmx",
    "template_partials",
    "django_q",
    "ninja",
    "accounts.apps.AccountsConfig",
    "contacts",
    "messaging",
    "conductor",
    "conductor.conversations",
    "conductor.engine",
    "conductor.webhooks",
]

MIDDLEWARE = [
    "conductor.health.HealthMiddleware",
    "messaging.views.door.TrackingDoor",
    "conductor.metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "accounts.middleware.SecurityHeaders",
    "accounts.middleware.PagesAbove",
    "conductor.api.ApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "conductor.urls"
WSGI_APPLICATION = "conductor.wsgi.application"
# The API answers unknown routes itself; a redirect to add a slash would break its clients.
APPEND_SLASH = False

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
                "accounts.context.frame",
            ],
            "builtins": [
                "accounts.templatetags.ui",
                "django.contrib.humanize.templatetags.humanize",
                "template_partials.templatetags.partials",
                "django.templatetags.static",
            ],
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key"}
# Mail of the site itself (new passwords), not of the accounts. Without an SMTP server
# (smtp://user:password@host:587, smtps:// for TLS from the start) it is kept in files.
_mail = urlsplit(os.environ.get("CONDUCTOR_MAIL_URL", ""))
if _mail.scheme in {"smtp", "smtps"}:
    EMAIL_HOST = _mail.hostname or "localhost"
    EMAIL_PORT = _mail.port or (465 if _mail.scheme == "smtps" else 587)
    EMAIL_HOST_USER = unquote(_mail.username or "")
    EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_USE_TLS = _mail.scheme == "smtp" and bool(EMAIL_HOST_USER)
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("CONDUCTOR_MAIL_FROM", "Conductor <conductor@localhost>")
# The limits count in PostgreSQL, so that every web process sees the same numbers.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "accounts_cache",
    },
    # django-q2 writes its state every second; the heartbeats say what we want to know.
    "jobs": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_COOKIES = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_SECURE = SECURE_COOKIES
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_COOKIES
SECURE_HSTS_PRELOAD = SECURE_COOKIES
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
# A list import by API may bring 185 MB as base64; it is read piece by piece.
API_BODY_BYTES = 262_144_000
# Forms of pages, which Django reads at once; files that come with them, beyond 2.5 MB, are
# spooled to disk.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16_777_216
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_ROOT = DATA_DIR / "media"

# The retry clock of django-q2 runs while a task waits in a worker's local queue: the
# queue is small, and retry is far above timeout.
Q_CLUSTER = {
    "name": "conductor",
    "orm": "default",
    "workers": int(os.environ.get("CONDUCTOR_WORKERS", "2")),
    "queue_limit": 4,
    "bulk": 1,
    "timeout": 240,
    "retry": 600,
    "max_attempts": 5,
    "ack_failures": True,
    "poll": 0.5,
    "guard_cycle": 1,
    "recycle": 500,
    "max_rss": 280_000,
    "save_limit": 250,
    "catch_up": False,
    "label": "Jobs",
    "cache": "jobs",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("CONDUCTOR_LOG", "INFO")},
    "loggers": {"django.server": {"level": "WARNING"}, "django-q": {"level": "WARNING"}},
}

SILENCED_SYSTEM_CHECKS = [
    # TLS ends at the proxy, which also redirects to it; on one's own machine there is none.
    "security.W004",
    "security.W008",
    "security.W012",
    "security.W016",
    "security.W021",
    # Pages frame previews of mail, from the same origin only.
    "security.W019",
]
