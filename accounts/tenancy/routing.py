"""Migrations run on the owner's connection; everything else on the plain role's."""

from typing import Any


class OwnerRouter:
    """Say where migrations may run: wherever they are asked to."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Leave the choice to `migrate`, which takes the owner's connection."""
        return None
