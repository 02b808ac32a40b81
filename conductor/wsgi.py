"""The door for a WSGI server."""

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conductor.settings")

application = get_wsgi_application()
# The pages are loaded before the first visitor comes, who would wait for them.
import_module(settings.ROOT_URLCONF)

if os.environ.get("CONDUCTOR_ROLE") == "web":
    # What is loaded stays: to look through it at every few thousand objects that a request
    # makes took more than half of what reading a long body takes.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
