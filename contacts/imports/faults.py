"""What is wrong with a file, and where."""

from accounts.actions import FaultyContentError


class ImportFaultError(FaultyContentError):
    """A file, mapping or option that cannot be taken; nothing is stored."""

    def __init__(self, message: str, *, field: str = "file") -> None:
        super().__init__(field, message)


class RowFaultError(ValueError):
    """A record that is not taken: why, and in which column (0 is the first; -1: the row)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
