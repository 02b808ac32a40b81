"""
Let coverage look away where none of our code runs: while Django writes SQL and psycopg sends it.

Python runs all code at half its speed while it is traced, and nine tenths of what the tests
run is Django's. No model, field, lookup or signal of ours takes part in what is named here.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import psycopg
from coverage import Coverage
from django.db.models.query import QuerySet
from django.db.models.sql import compiler

# Of each class what its own body defines.
UNSEEN: list[tuple[type[Any], str]] = [
    (psycopg.Cursor, "execute"),
    (psycopg.Cursor, "executemany"),
    (compiler.SQLCompiler, "execute_sql"),
    (compiler.SQLInsertCompiler, "execute_sql"),
    (compiler.SQLUpdateCompiler, "execute_sql"),
    (QuerySet, "_fetch_all"),
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
