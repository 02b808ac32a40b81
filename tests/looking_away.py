"""
Let coverage look away where none of our code runs: while Django writes SQL and psycopg sends it.

Python runs all code at half its speed while it is traced, and nine tenths of what the tests
run is Django's. No model, field, lookup or signal of ours takes part in what is named here, but
for a model's defaults, which are called elsewhere, too.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import psycopg
from coverage import Coverage
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Model
from django.db.models.query import QuerySet
from django.db.models.sql import compiler
from django.db.transaction import Atomic
from django.http import HttpRequest
from django.test import Client
from django.urls import URLResolver

# Of each class what its own body defines.
UNSEEN: list[tuple[type[Any], str]] = [
    (psycopg.Cursor, "execute"),
    (psycopg.Cursor, "executemany"),
    (compiler.SQLCompiler, "execute_sql"),
    (compiler.SQLInsertCompiler, "execute_sql"),
    (compiler.SQLUpdateCompiler, "execute_sql"),
    (QuerySet, "_fetch_all"),
    *(
        (QuerySet, name)
        for name in (
            *("_filter_or_exclude", "annotate", "order_by", "select_related", "values_list"),
            *("bulk_create", "count", "create", "delete", "exists", "first", "get", "update"),
        )
    ),
    (Model, "save"),
    (Atomic, "__enter__"),
    (SessionBase, "_get_session"),
    (HttpRequest, "_load_post_and_files"),
    (URLResolver, "resolve"),
    (URLResolver, "_reverse_with_prefix"),
    (Client, "force_login"),
]


def look_away() -> None:
    """Do so from now on in this process, where coverage is measured at all."""
    if Coverage.current() is None:
        return
    for owner, name in UNSEEN:
        setattr(owner, name, unseen(getattr(owner, name)))


def unseen(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function run without being traced."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        tracer = sys.gettrace()
        if tracer is None:
            return function(*args, **kwargs)
        sys.settrace(None)
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(tracer)
            # The first call is where coverage's tracer takes its place in C again, which
            # it must have before the function that called this one returns.
            take_place()

    return run


def take_place() -> None:
    """Be called."""
