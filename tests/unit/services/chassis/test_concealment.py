from __future__ import annotations

import sqlite3
import traceback

import pytest
from psycopg import errors
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from services.chassis.concealment import conceal_values

SECRET = "tok_4111"


def shown(error: BaseException) -> str:
    """All that a log or a span would show."""
    return "".join(traceback.format_exception(error)) + repr(error)


def wrapped(orig: Exception) -> DBAPIError:
    return DBAPIError("INSERT INTO cards VALUES (:token)", {"token": SECRET}, orig)


@pytest.mark.parametrize(
    ("orig", "kept"),
    [
        (
            errors.UniqueViolation(f"duplicate key\nDETAIL: Key (token)=({SECRET}) already exists."),
            "UniqueViolation 23505",
        ),
        (errors.InvalidTextRepresentation(f'invalid input syntax for type bigint: "{SECRET}"'), "22P02"),
        (errors.RaiseException(f"no {SECRET} here"), "RaiseException P0001"),
        (errors.ProgrammingError(f"cannot adapt {SECRET}"), "ProgrammingError"),
        (errors.OperationalError("connection refused"), "OperationalError: connection refused"),
        (
            sqlite3.OperationalError(f"Could not decode to UTF-8 column 'token' with text '{SECRET}'"),
            "OperationalError",
        ),
        (ValueError(f"invalid literal for int(): {SECRET}"), "ValueError"),
    ],
    ids=lambda it: type(it).__name__ if isinstance(it, Exception) else "",
)
def test_a_database_error_tells_what_it_is_and_no_value(orig: Exception, kept: str) -> None:
    error = wrapped(orig)
    assert SECRET in shown(error)
    conceal_values(error)
    assert SECRET not in shown(error)
    assert SECRET not in str(orig)
    assert kept in str(error)
    assert "INSERT INTO cards" in str(error)


def failing_store() -> None:
    try:
        try:
            raise wrapped(ValueError(SECRET))
        except DBAPIError as cause:
            raise KeyError("payment") from cause
    except KeyError:
        raise RuntimeError("the store failed")  # noqa: B904 - that it is not chained by hand is the point


def test_a_database_error_beneath_others_is_concealed_too() -> None:
    with pytest.raises(RuntimeError, match="the store failed") as caught:
        failing_store()
    assert SECRET in shown(caught.value)
    conceal_values(caught.value)
    assert SECRET not in shown(caught.value)
    assert "the store failed" in shown(caught.value)


def test_a_circle_of_causes_ends() -> None:
    first, second = wrapped(ValueError(SECRET)), RuntimeError()
    first.__cause__, second.__cause__ = second, first
    conceal_values(first)
    assert SECRET not in str(first)


def test_the_messages_of_sqlite_itself_are_kept() -> None:
    with create_engine("sqlite://").connect() as connection:
        connection.execute(text("CREATE TABLE cards (token TEXT UNIQUE)"))
        insert = text("INSERT INTO cards VALUES (:token)")
        connection.execute(insert, {"token": SECRET})
        with pytest.raises(IntegrityError) as caught:
            connection.execute(insert, {"token": SECRET})
    assert SECRET in str(caught.value)
    conceal_values(caught.value)
    assert SECRET not in str(caught.value)
    assert "IntegrityError: UNIQUE constraint failed: cards.token" in str(caught.value)


def test_an_error_that_is_no_database_error_is_not_changed() -> None:
    error = KeyError("MUG-BLUE")
    conceal_values(error)
    assert error.args == ("MUG-BLUE",)
