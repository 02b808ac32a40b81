"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("sign-in/", include("allauth.account.urls")),
    path("support/", admin.site.urls),
]
