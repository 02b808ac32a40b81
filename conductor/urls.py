"""Every address of the site: sign-in, support, the pages of each app, the API."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

# Support signs in where everybody does, under the same rate limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("sign-in/", include("allauth.account.urls")),
    path("support/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("conductor.desk.urls")),
    path("", include("contacts.urls")),
    path("", include("messaging.urls")),
    path("", include("conductor.conversations.urls")),
    path("", include("conductor.webhooks.urls")),
    path("", include("conductor.webhooks.segment_source.urls")),
    path("", include("conductor.api")),
]
