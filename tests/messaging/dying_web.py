"""
A web process that kills itself with SIGKILL while links are followed: run by `Mother`.

The arguments are a number of answers and paths. Ten threads ask the WSGI application for the
paths; each prints the path that was answered by a redirect, at once and unbuffered. When so
many were, the process is gone, with whatever else was under way.
"""

import io
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

from conductor.wsgi import application

MOST, PATHS = int(sys.argv[1]), sys.argv[2:]
PERSON = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140"
ANSWERS = count(1)


def follow(path: str) -> None:
    """Follow a link; die after the last answer that there is to be."""
    said: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "203.0.113.9",
        "HTTP_USER_AGENT": PERSON,
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
    }

    def start(status: str, _headers: Any, _problem: Any = None) -> Any:
        said.append(status)

    answer = application(environ, start)
    list(answer)
    if said == ["302 Found"]:
        os.write(1, f"{path}\n".encode())
        if next(ANSWERS) == MOST:
            os.kill(os.getpid(), signal.SIGKILL)
    answer.close()


with ThreadPoolExecutor(10) as threads:
    list(threads.map(follow, PATHS))
