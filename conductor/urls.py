"""Every address of the site: sign-in, support, the pages of each app, the API."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("sign-in/", include("allauth.account.urls")),
    path("support/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("contacts.urls")),
    path("", include("messaging.urls")),
    path("", include("conductor.conversations.urls")),
    path("", include("conductor.api")),
]
