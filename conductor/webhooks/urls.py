"""Addresses of webhooks."""

from django.urls import path

from conductor.webhooks import views

ALL = "a/<slug:account>/webhooks/"
ONE = f"{ALL}<int:endpoint_id>/"

app_name = "webhooks"
urlpatterns = [
    path(ALL, views.endpoints, name="endpoints"),
    path(ONE, views.endpoint, name="endpoint"),
    path(f"{ONE}secret/", views.new_secret, name="secret"),
    path(f"{ONE}pause/", views.pause, name="pause"),
    path(f"{ONE}resume/", views.resume, name="resume"),
    path(f"{ONE}replay/", views.replay, name="replay"),
    path(f"{ONE}delete/", views.delete, name="delete"),
]
