"""The fixed cast, and a database whose suite runs as the plain role."""

import gc
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from hypothesis import settings as hypothesis
from psycopg import sql as composing
from pytest_django import DjangoDbBlocker

from accounts import actions
from accounts.models import Account, Role, User
from accounts.tenancy import in_account
from accounts.tenancy.partitions import make_partitions
from tests.emptying import empty_what_was_filled, prepare_emptying
from tests.looking_away import look_away, unseen
from tests.migrating import made_alone
from tests.mother import Mother
from tests.numbering import begin_anywhere
from tests.patience import IN_A_HURRY, PATIENCE

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
# The same examples each time: what a run judges is the change. `--hypothesis-profile=default`
# draws others.
hypothesis.register_profile("steady", derandomize=True, deadline=None, database=None)
hypothesis.load_profile("steady")
OWNER_ONLY = "The tests need DATABASE_OWNER_URL: run them through bin/test."


@pytest.fixture(scope="session")
def django_db_setup(testrun_uid: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Make this worker's database as the owner; the suite itself stays the plain role."""
    assert "owner" in settings.DATABASES, OWNER_ONLY
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"test_{worker}_{os.getpid()}"
    model = f"test_model_{testrun_uid[:12]}"
    owner_url = os.environ["DATABASE_OWNER_URL"]
    with psycopg.connect(owner_url, autocommit=True) as connection:
        # The first worker migrates, the others wait for it: all of them copy the outcome.
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [model])
        there = connection.execute("SELECT FROM pg_database WHERE datname = %s", [model])
        if there.fetchone() is None:
            with django_db_blocker.unblock():
                make_model(connection, model)
        connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", [model])
        connection.execute(
            composing.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                composing.Identifier(name), composing.Identifier(model)
            )
        )
    begin_anywhere(owner_url, name, worker)
    with django_db_blocker.unblock():
        point_at(name)
    if "DATABASE_ADMINISTRATOR_URL" in os.environ:
        empty_what_was_filled()
    yield
    with django_db_blocker.unblock():
        for alias in connections:
            connections[alias].close()
    # A cluster that is thrown away needs no tidying up, for which it would write everything out.
    if "DATABASE_ADMINISTRATOR_URL" not in os.environ:
        drop_database(owner_url, name)
        drop_database(owner_url, model)


def point_at(name: str) -> None:
    """Have the suite's connections lead to a database of that name."""
    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def make_model(connection: "psycopg.Connection[tuple[object, ...]]", name: str) -> None:
    """Make a migrated database, where nobody is connected at the end."""
    # Under another name until it is whole: who is killed here leaves nothing to be copied.
    unfinished = composing.Identifier(f"{name}_{os.getpid()}")
    connection.execute(composing.SQL("CREATE DATABASE {}").format(unfinished))
    point_at(f"{name}_{os.getpid()}")
    with made_alone():
        # The tests of the platform migrate while they are traced.
        unseen(call_command)("migrate", database="owner", verbosity=0)
    with connections["owner"].cursor() as cursor:
        cursor.execute("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO conductor_app")
        # Stories are told with the same ids each time.
        cursor.execute("GRANT UPDATE ON ALL SEQUENCES IN SCHEMA public TO conductor_app")
    for at in (NOON, datetime.now(UTC)):
        make_partitions(now=at)
    if "DATABASE_ADMINISTRATOR_URL" in os.environ:
        prepare_emptying(os.environ["DATABASE_ADMINISTRATOR_URL"], f"{name}_{os.getpid()}")
    for alias in connections:
        connections[alias].close()
    connection.execute(
        composing.SQL("ALTER DATABASE {} RENAME TO {}").format(
            unfinished, composing.Identifier(name)
        )
    )


def drop_database(owner_url: str, name: str) -> None:
    """Drop a test database; an autovacuum in it is the server's own and has to end first."""
    drop = composing.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
        composing.Identifier(name)
    )
    with psycopg.connect(owner_url, autocommit=True) as connection:
        for _ in range(100):
            try:
                connection.execute(drop)
                return
            except psycopg.errors.InsufficientPrivilege:
                time.sleep(0.2)
        connection.execute(drop)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Let each worker begin with a share of what takes long: at the end the others would wait.

    They begin with equal parts of the order in which the tests stand, and take from one another.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items.sort(key=turn)
    long = [item for item in items if turn(item) == 0]
    others = items[len(long) :]
    size = -(-len(items) // workers)
    items.clear()
    for worker in range(workers):
        share = long[worker::workers]
        rest = max(0, size - len(share))
        items += share + others[:rest]
        others = others[rest:]


def turn(item: pytest.Item) -> int:
    """Return 0 for what starts programs of its own, 1 for the browser's, so that few start one."""
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    if folder in ("crash", "platform", "realinput") or item.get_closest_marker("slow"):
        return 0
    return 1 if folder == "browser" else 2


@pytest.fixture(scope="session", autouse=True)
def seldom_collected() -> None:
    """Keep the garbage collector from looking through all that was loaded, again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> None:
    """Hash passwords quickly: scrypt's slowness is for the real world."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def static_files_when_asked_for() -> None:
    """Look for a static file when it is asked for: else each client looks at all of them."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session", autouse=True)
def in_no_hurry() -> Iterator[None]:
    """Give everything the time that a machine may need which does much besides."""
    with pytest.MonkeyPatch.context() as patch:
        for name in IN_A_HURRY:
            patch.setattr(name, PATIENCE)
        yield


@pytest.fixture(scope="session", autouse=True)
def quicker_coverage() -> None:
    """Trace what is ours."""
    look_away()


@pytest.fixture(scope="session")
def mother(django_db_setup: None) -> Iterator[Mother]:
    """Who runs programs in processes of their own, on this worker's database."""
    one = Mother()
    yield one
    one.end()


@pytest.fixture
def now() -> datetime:
    """A Wednesday noon; tests move time by adding to it."""
    return NOON


@pytest.fixture
def ada(db: None) -> User:
    """Owner of acme."""
    return User.objects.create_user("ada@acme.example", "correct horse battery", name="Ada")


@pytest.fixture
def acme(ada: User, now: datetime) -> Account:
    """A shoe retailer; ada owns it."""
    return actions.create_account(
        name="Acme Shoes",
        owner_email=ada.email,
        postal_address="1 Main Street\nSpringfield, IL 62701",
        now=now,
    ).account


@pytest.fixture
def globex(db: None, now: datetime) -> Account:
    """Another tenant; zoe owns it."""
    return actions.create_account(name="Globex", owner_email="zoe@globex.example", now=now).account


@pytest.fixture
def zoe(globex: Account) -> User:
    """A stranger to acme."""
    return User.objects.get(email="zoe@globex.example")


@pytest.fixture
def mia(acme: Account, now: datetime) -> User:
    """A marketer of acme."""
    user = User.objects.create_user("mia@acme.example", "correct horse battery", name="Mia")
    with in_account(acme.pk):
        actions.add_member(user=user, role=Role.MARKETER, now=now)
    return user


@pytest.fixture
def ben(acme: Account, now: datetime) -> User:
    """A viewer of acme."""
    user = User.objects.create_user("ben@acme.example", "correct horse battery", name="Ben")
    with in_account(acme.pk):
        actions.add_member(user=user, role=Role.VIEWER, now=now)
    return user


@pytest.fixture
def inside_acme(acme: Account) -> Iterator[Account]:
    """Run the whole test inside acme."""
    with in_account(acme.pk):
        yield acme


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Collect the statements that are run, those whose plan is kept among them."""
    run: list[str] = []

    def listen(execute: Any, text: Any, *rest: Any) -> Any:
        run.append(str(text))
        return execute(text, *rest)

    with connections["default"].execute_wrapper(listen):
        yield run
