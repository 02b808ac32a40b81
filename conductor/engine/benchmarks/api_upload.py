"""How much memory a web process holds while it takes a large file."""

import base64
import http.client
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from accounts.models import Account
from accounts.tenancy import in_account
from contacts.models import Import

MB = 1_000_000
LOOK_SECONDS = 0.02
LINE = "shopper{}@mail.example,Grace,Hopper,Main Street 1,Springfield,{}\n"
# Base64 is of three bytes each: what is left of them goes with the next lines.
LINES_AT_ONCE = 30_000
HEAD: dict[str, Any] = {
    "fileDelimiter": ",",
    "fileMappings": [{"fileColumn": 0, "fileColumnType": "Email"}],
    "fileName": "shoppers.csv",
    "hasColumnNames": False,
    "importType": "AddSubscribers",
    "segmentationImportType": "Update",
    "textQualifier": '"',
}


class UploadFailedError(RuntimeError):
    """The file was not taken."""


def measure(
    *, account: Account, port: int, pid: int, token: str, path: str, megabytes: int
) -> dict[str, Any]:
    """
    Upload a file of contacts by the API; return the figure of the memory held meanwhile.

    :raises UploadFailedError: if it was refused.
    """
    with tempfile.TemporaryFile() as body:
        write_body(body, megabytes)
        size = body.tell()
        body.seek(0)
        before = resident(pid)
        with watched(pid) as most:
            began = time.monotonic()
            status, answer = post(port, path, token, body, size)
            seconds = time.monotonic() - began
    if status != 201:
        raise UploadFailedError(f"The upload was answered {status}: {answer[:300]!r}")
    with in_account(account.pk):
        kept = Import.objects.get(pk=int(json.loads(answer)["resourceId"]))
        length = kept.size
        kept.file.delete(save=False)
    return {
        "name": f"memory of a web process while a file of {megabytes} MB is uploaded",
        "value": round(max(most)),
        "unit": "MB",
        "size": length,
        "before": round(before),
        "body_mb": round(size / MB),
        "seconds": round(seconds, 2),
    }


def write_body(body: BinaryIO, megabytes: int) -> None:
    """Write the JSON of an import, its file within as base64."""
    body.write(json.dumps(HEAD).encode()[:-1] + b', "fileStream": "')
    written, number, rest = 0, 0, b""
    while written < megabytes * MB:
        lines = range(number, number + LINES_AT_ONCE)
        text = rest + "".join(LINE.format(one, one % 7) for one in lines).encode()
        whole = len(text) - len(text) % 3
        body.write(base64.b64encode(text[:whole]))
        rest, number, written = text[whole:], number + LINES_AT_ONCE, written + whole
    body.write(base64.b64encode(rest) + b'"}')


def post(port: int, path: str, token: str, body: BinaryIO, size: int) -> tuple[int, bytes]:
    """Send a body piece by piece; return status and answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Length": str(size),
    }
    connection.request("POST", path, body=body, headers=headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, said


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """Look at the memory of a server's processes all the time; each look is added to the list."""
    looks = [resident(pid)]
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            looks.append(resident(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()


def resident(pid: int) -> float:
    """Return the MB that the largest of a process and its children holds."""
    return max(_resident(one) for one in family(pid))


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in family(int(child)))]


def _resident(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / MB
    return 0.0
