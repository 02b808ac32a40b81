"""The site as an app: it holds the commands that concern all of it."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """The site's own commands."""

    name = "conductor"
    label = "site_commands"

    def ready(self) -> None:
        """Have the workers of django-q2 show signs of life."""
        # It imports models, which are there only now.
        from conductor.heartbeat import watch_workers

        watch_workers()
