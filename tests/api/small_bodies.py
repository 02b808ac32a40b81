"""The web server's application, with a smaller limit for bodies: run by `served`."""

import os

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conductor.settings")
django.setup()
settings.API_BODY_BYTES = 64_000_000

from conductor.wsgi import application  # noqa: E402 (which reads the settings)

__all__ = ["application"]
