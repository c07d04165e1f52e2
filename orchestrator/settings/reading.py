"""Reads the settings from the environment, and says in words what is wrong with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from orchestrator.errors import SettingsError
from orchestrator.settings.declared import Settings
from orchestrator.settings.written import TAKES, variable

if TYPE_CHECKING:
    from collections.abc import Mapping

_RULES: Final = ("retention", "retention_archive")


def variables() -> frozenset[str]:
    """The names of the variables that the settings are read from."""
    fields = Settings.model_fields.items()
    return frozenset(variable(str(field.validation_alias or name)) for name, field in fields)


def read_settings(**options: Any) -> Settings:  # noqa: ANN401 - the options are the fields
    """The settings from the environment; an option that is not ``None`` wins.

    Raises:
        SettingsError: a value is wrong; the message names the variable.
    """
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("; ".join(_told(dict(item)) for item in error.errors())) from None


def _told(wrong: Mapping[str, Any]) -> str:
    field = str(wrong["loc"][0])
    # What is said of a rule tells which one.
    takes = None if field in _RULES and wrong["type"] == "value_error" else TAKES.get(field)
    told = f"expected {takes}, not {str(wrong['input'])!r}" if takes else wrong["msg"].removeprefix("Value error, ")
    return f"{variable(field)}: {told}"
