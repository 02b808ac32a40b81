"""Addresses of Segment > Source."""

from django.urls import path

from conductor.webhooks.segment_source import views

SOURCE = "a/<slug:account>/integrations/segment/source/"

app_name = "webhooks_source"
urlpatterns = [
    path(SOURCE, views.source, name="source"),
    path(f"{SOURCE}backfill/", views.backfill, name="backfill"),
    path(f"{SOURCE}pause/", views.pause, name="pause"),
    path(f"{SOURCE}resume/", views.resume, name="resume"),
    path(f"{SOURCE}disconnect/", views.disconnect, name="disconnect"),
]
