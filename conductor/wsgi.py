"""The door for a WSGI server."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conductor.settings")

application = get_wsgi_application()
# The pages are loaded before the first visitor comes, who would wait for them.
import_module(settings.ROOT_URLCONF)
