"""Folders: drawers for lists."""

from datetime import datetime

from accounts.actions import InvalidValueError, record
from accounts.models import ApiClient, Folder, User

LONGEST_NAME = 120


def create_folder(*, name: str, now: datetime, by: User | ApiClient | None = None) -> Folder:
    """
    Create a folder.

    :raises InvalidValueError: field `folderName`, for an empty, too long or taken name.
    """
    made = Folder.objects.create(name=_free_name(name))
    record(verb="created", noun="folder", object_id=made.pk, now=now, by=by)
    return made


def rename_folder(
    *, folder: Folder, name: str, now: datetime, by: User | ApiClient | None = None
) -> Folder:
    """
    Rename a folder.

    :raises InvalidValueError: as `create_folder`.
    """
    folder.name = _free_name(name, other_than=folder.pk)
    folder.save()
    record(verb="updated", noun="folder", object_id=folder.pk, now=now, by=by)
    return folder


def _free_name(name: str, *, other_than: int = 0) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise InvalidValueError(
            "folderName", f"A folder needs a name of 1 to {LONGEST_NAME} characters."
        )
    if Folder.objects.filter(name=name).exclude(pk=other_than).exists():
        raise InvalidValueError("folderName", f"There is a folder named {name} already.")
    return name
