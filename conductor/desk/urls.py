"""Addresses of the pages that look across all apps."""

from django.urls import path

from conductor.desk import views

app_name = "desk"
urlpatterns = [
    path("a/<slug:account>/", views.home, name="home"),
    path("a/<slug:account>/search/", views.search, name="search"),
    path(
        "a/<slug:account>/lists/<int:list_id>/contacts/<int:contact_id>/",
        views.contact,
        name="contact",
    ),
    path(
        "a/<slug:account>/lists/<int:list_id>/contacts/<int:contact_id>/why/",
        views.why,
        name="why",
    ),
    path("a/<slug:account>/lists/<int:list_id>/help/api-ids/", views.api_ids, name="api_ids"),
]
