"""Addresses of accounts and their integrations."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.root, name="root"),
    path("accounts/", views.chooser, name="chooser"),
    path("accounts/choices/", views.choices, name="choices"),
    path("a/<slug:account>/integrations/", views.integrations, name="integrations"),
    path("a/<slug:account>/integrations/<int:client_id>/", views.integration, name="integration"),
    path(
        "a/<slug:account>/integrations/<int:client_id>/access/",
        views.integration,
        {"tab": "access"},
        name="integration_access",
    ),
    path(
        "a/<slug:account>/integrations/<int:client_id>/secret/",
        views.integration_secret,
        name="integration_secret",
    ),
    path(
        "a/<slug:account>/integrations/<int:client_id>/pause/",
        views.integration_pause,
        name="integration_pause",
    ),
    path(
        "a/<slug:account>/integrations/<int:client_id>/resume/",
        views.integration_resume,
        name="integration_resume",
    ),
    path("a/<slug:account>/settings/", views.account_settings, name="settings"),
    path("a/<slug:account>/secrets/", views.secrets, name="secrets"),
    path("a/<slug:account>/secrets/<int:secret_id>/", views.secret, name="secret"),
    path(
        "a/<slug:account>/secrets/<int:secret_id>/delete/",
        views.secret_delete,
        name="secret_delete",
    ),
]
