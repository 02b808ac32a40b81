"""One deployment on this machine: what bin/up starts, in its order, and stops."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

import psycopg

from conductor.data_directory import CODE, data_directory, write_privately
from conductor.environment import has_own_database, running, set_keys
from conductor.postgres import PostgresError
from conductor.postgres.cluster import PORT, Cluster
from conductor.postgres.embedded import owned_cluster
from conductor.supervisor.children import (
    MARK,
    Child,
    end_left_overs,
    remember,
    stop_all,
)

CHILDREN_SECONDS = 8.0
# Requests that one web process answers at a time. Clicks wait for the commit that they share:
# the more of them wait, the more share one. Pages wait for a connection of the pool.
WEB_THREADS = 32
# Large blocks (a page of 5,000 contacts, a body) go back to the system when they are freed, and
# are not kept once for each of the threads.
WEB_MEMORY = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(1 << 18)}
READY_SECONDS = 60.0
MANAGE = [sys.executable, str(CODE / "manage.py")]


class StartError(Exception):
    """Conductor cannot start; the message is one sentence for the person at the shell."""


class Told(BaseException):
    """A signal told us to stop; not an Exception, so that nothing swallows it."""


# A signal that comes while an object is being deleted raises into nothing: it is kept here.
_told = threading.Event()


def be_told(_number: int, _frame: FrameType | None) -> NoReturn:
    """Stop what is going on and unwind; further signals are heard no more."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _told.set()
    raise Told


class Deployment:
    """Everything that runs here, and the order it is started and stopped in."""

    def __init__(self, *, host: str, port: int, demo: bool) -> None:
        self.host = host
        self.port = port or _free_port(host)
        self.demo = demo
        self.data = data_directory()
        self.url = f"http://{_reachable(host)}:{self.port}"
        self.cluster: Cluster | None = None
        self.children: list[Child] = []

    def run(self) -> None:
        """
        Start all parts and look after them until told to stop; then stop them.

        :raises StartError: if another one runs on this data, or a step fails.
        """
        with ExitStack() as stack:
            stack.enter_context(self._alone())
            _refuse_taken_port(self.host, self.port)
            set_keys(self.data)
            os.environ.setdefault("CONDUCTOR_PUBLIC_URL", self.url)
            os.environ.setdefault("CONDUCTOR_HOSTS", ",".join(_names(self.host)))
            os.environ["CONDUCTOR_DATA"] = str(self.data)
            os.environ[MARK] = str(self.data)
            (self.data / "static").mkdir(exist_ok=True)
            end_left_overs(self.data)
            stack.enter_context(self._database())
            self._manage("migrate", "--verbosity", "0", "--skip-checks", owner=True)
            demo = self._demo_account()
            stack.enter_context(self._parts())
            self._report(demo)
            self._look_after()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the data directory; it is let go even if we are killed."""
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "up.lock").open("a") as lock:
            if not _gets(lock):
                there = running(self.data)
                raise StartError(
                    f"Conductor already runs on {self.data}: {there.get('url', 'starting')} "
                    f"(process {there.get('pid', 'unknown')})."
                )
            yield

    @contextmanager
    def _database(self) -> Iterator[None]:
        """Have a database and its addresses; the embedded one is stopped at the end."""
        if has_own_database():
            if not os.environ.get("DATABASE_OWNER_URL"):
                raise StartError(
                    "DATABASE_URL is set and DATABASE_OWNER_URL is not: bin/up migrates "
                    "as the owner of the database, set both (README, A PostgreSQL of your own)."
                )
            yield
            return
        print("Starting PostgreSQL ...", file=sys.stderr)
        with owned_cluster(self.data) as cluster:
            self.cluster = cluster
            os.environ["DATABASE_URL"] = cluster.app_url
            os.environ["DATABASE_OWNER_URL"] = cluster.owner_url
            yield

    def _manage(self, *arguments: str, owner: bool = False) -> str:
        """Run a command of manage.py to its end and return what it printed."""
        child = subprocess.Popen(
            [*MANAGE, *arguments],
            env=_environment(owner=owner),
            cwd=CODE,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = child.communicate()
        except Told:
            child.terminate()
            child.wait()
            raise
        if child.returncode:
            raise StartError(f"`manage.py {arguments[0]}` failed; what it said is above.")
        return printed

    def _demo_account(self) -> dict[str, Any]:
        """Make the demo account, or find it, and return who may sign in."""
        if not self.demo:
            return {}
        print("Looking after the demo account ...", file=sys.stderr)
        found = json.loads(self._manage("demo"))
        return found if isinstance(found, dict) else {}

    @contextmanager
    def _parts(self) -> Iterator[None]:
        """Run web, worker and pulse, and tell other processes where."""
        self.children = [self._web(), *self._background()]
        run = self.data / "run.json"
        try:
            for child in self.children:
                child.start()
            remember(self.data, self.children)
            write_privately(run, self._description())
            yield
        finally:
            print("Stopping ...", file=sys.stderr)
            stop_all(self.children, seconds=CHILDREN_SECONDS)
            run.unlink(missing_ok=True)
            (self.data / "children.json").unlink(missing_ok=True)

    def _web(self) -> Child:
        command = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi"]
        command += ["--host", self.host, "--port", str(self.port), "--no-ws"]
        command += ["--workers", os.environ.get("CONDUCTOR_WEB_WORKERS", "1")]
        command += ["--blocking-threads", str(WEB_THREADS), "--respawn-failed-workers"]
        # Its warning would be of the threads, which wait more than they compute.
        command += ["--workers-kill-timeout", "5", "--log-level", "error"]
        command += ["conductor.wsgi:application"]
        environment = {**WEB_MEMORY, **_environment()}
        environment |= {"CONDUCTOR_ROLE": "web", "PYTHONPATH": str(CODE)}
        return Child("web", command, environment)

    def _background(self) -> list[Child]:
        environment = {**_environment(), "CONDUCTOR_ROLE": "worker"}
        return [
            Child("worker", [*MANAGE, "qcluster", "--skip-checks"], environment),
            Child("pulse", [*MANAGE, "pulse"], environment),
        ]

    def _description(self) -> dict[str, Any]:
        """Return what run.json says."""
        ports: dict[str, Any] = {"web": self.port}
        found: dict[str, Any] = {"url": self.url, "pid": os.getpid(), "ports": ports}
        if self.cluster is not None:
            ports["database"] = PORT
            found["socket"] = str(self.cluster.socket_directory)
        found["children"] = {
            child.name: child.process.pid for child in self.children if child.process
        }
        return found

    def _report(self, demo: dict[str, Any]) -> None:
        """Wait until all parts are well and say where to sign in."""
        problems = self._wait_until_ready()
        for part, state in problems.items():
            print(f"{part}: {state}", file=sys.stderr)
        print(f"\nConductor runs at {self.url}")
        if demo:
            print(f"Sign in as {demo.get('email')} with {_password(demo)}")
        print("Ctrl-C stops it; the data stays.", flush=True)

    def _wait_until_ready(self) -> dict[str, str]:
        """Return the parts that are not well after a minute."""
        deadline = time.monotonic() + READY_SECONDS
        problems = {"web": "The web server does not answer."}
        while problems and time.monotonic() < deadline:
            time.sleep(0.25)
            self._step()
            problems = self._ask_health() or {}
        return problems

    def _ask_health(self) -> dict[str, str]:
        """Return the parts that are not well."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                answer.read()
                return {}
        except urllib.error.HTTPError as answer:
            parts: dict[str, str] = json.load(answer).get("parts", {})
            return {part: state for part, state in parts.items() if state != "ok"}
        except (OSError, ValueError):
            return {"web": "The web server does not answer."}

    def _look_after(self) -> NoReturn:
        while True:
            time.sleep(1)
            self._step()

    def _step(self) -> None:
        """
        Start again what has ended: the database first, since all others need it.

        :raises Told: if a signal was heard that unwound nothing.
        """
        if _told.is_set():
            raise Told
        if self.cluster is not None and self.cluster.pid() is None:
            print("PostgreSQL ended; starting it again.", file=sys.stderr)
            try:
                self.cluster.start()
            except (PostgresError, psycopg.OperationalError) as problem:
                # It may be killed again while it recovers: whoever looks after it goes on.
                sentence = " ".join(str(problem).split())
                print(f"It did not start and is tried again: {sentence}", file=sys.stderr)
                return
        restarted = [child.look_after() for child in self.children]
        if any(restarted):
            remember(self.data, self.children)
            write_privately(self.data / "run.json", self._description())


def _password(demo: dict[str, Any]) -> str:
    """Name the demo account's password, which its owner may have changed."""
    made = demo.get("password")
    return f"the password {made}" if made else "the password you chose"


def _gets(lock: IO[str]) -> bool:
    """Take a lock; for a moment a command may hold it, which looks whether we run."""
    for _ in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def _environment(*, owner: bool = False) -> dict[str, str]:
    """Return the environment of a child; only `migrate` knows the owner's address."""
    environment = dict(os.environ)
    if not owner:
        environment.pop("DATABASE_OWNER_URL", None)
    return environment


def _reachable(host: str) -> str:
    """Return the name to put into an address: one cannot browse to 0.0.0.0."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _names(host: str) -> list[str]:
    """Return the names under which others reach a server that listens everywhere."""
    if _reachable(host) == host:
        return []
    name = socket.gethostname()
    try:
        _, aliases, addresses = socket.gethostbyname_ex(name)
    except OSError:
        aliases, addresses = [], []
    return [name, *aliases, *addresses]


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _free_port(host: str) -> int:
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket(_family(host)) as probe:
        # As the web server will: connections of a stopped one may still be closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise StartError(
                f"Cannot listen on {host}, port {port} ({problem.strerror}): "
                "choose another with --port or --host."
            ) from problem
