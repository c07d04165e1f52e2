"""What an operator may set, by environment variables that start with the service's name.

| variable                      | meaning                                                 | default                 |
|-------------------------------|---------------------------------------------------------|-------------------------|
| ``INVENTORY_LISTEN``          | where to listen, ``host:port``; port 0 takes a free one | the contract's          |
|                               |                                                         | ``default_host``        |
| ``INVENTORY_HTTP``            | where to listen for HTTP as well, ``host:port``         | no HTTP                 |
| ``INVENTORY_NATS``            | where to take commands from a queue as well,            | no queue                |
|                               | ``nats://host:port/prefix``, or ``tls://``              |                         |
| ``INVENTORY_NATS_LOGIN``      | the file with a token, ``user:password``, or            | the broker asks nobody  |
|                               | credentials, for the broker                             |                         |
| ``INVENTORY_NATS_CA``         | the file of the authorities of the broker               | those of the system     |
| ``INVENTORY_DATABASE_URL``    | ``sqlite:///path`` or ``postgresql://...``              | a file in ``STATE_DIR`` |
| ``INVENTORY_DRAIN_SECONDS``   | how long calls in flight may take to finish at shutdown | 10                      |
| ``INVENTORY_LOG_LEVEL``       | ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``           | ``INFO``                |
| ``INVENTORY_LOG_FORMAT``      | ``text`` for people, ``json`` for one object a line     | ``text``                |
| ``INVENTORY_TLS_CERTIFICATE`` | the file of its certificate with the chain, in PEM      | no TLS                  |
| ``INVENTORY_TLS_KEY``         | the file of its private key, in PEM without a password  |                         |
| ``INVENTORY_TLS_CA``          | the file of the authorities of the callers              | callers need none       |
| ``INVENTORY_TRUSTED_CALLERS`` | the file that names trusted callers, as                 | everybody is trusted    |
|                               | ``orchestrator.participant.security.trust`` reads it    |                         |
| ``INVENTORY_INSECURE``        | listen to a network without TLS or trusted callers      | false                   |
| ``INVENTORY_EVENTS``          | ``nats://host:port/prefix``: where it tells and hears   | neither                 |
|                               | events; ``tls://`` for a network                        |                         |
| ``INVENTORY_EVENTS_FROM``     | what it hears when it hears for the first time: all     | ``beginning``           |
|                               | from the ``beginning``, or what comes from ``now`` on   |                         |
| ``INVENTORY_ORCHESTRATOR``    | ``host:port``: where it starts sagas                    | nowhere                 |
| ``INVENTORY_ORCHESTRATOR_TOKEN`` | the file of its token there                          | the local operator's    |
| ``INVENTORY_ORCHESTRATOR_CA`` | the file of the authorities of that certificate         | no TLS                  |
| ``SHOP_FAULTS``               | let callers plan faults; of all services, on loopback   | false                   |
| ``STATE_DIR``                 | the folder of the databases of all services             | ``.state``              |

The ``OTEL_*`` variables are read by the OpenTelemetry SDK.
"""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from google.api.client_pb2 import default_host
from google.protobuf.descriptor import ServiceDescriptor
from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from services.chassis.queue_address import QueueAddress

_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+):(\d{1,5})")
_HIGHEST_PORT: Final = 65_535
EVENTS_PREFIX: Final = "events"
"""What the subjects of events begin with, unless the address says otherwise."""
_DRIVERS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


class SettingsError(Exception):
    """Settings cannot be used; the message names each variable and what is wrong with it."""


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port`` (an IPv6 host stands in brackets) into host and port.

    Raises:
        ValueError: the address is not of that form.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[2]) > _HIGHEST_PORT:
        raise ValueError(f"'{address}' is not of the form host:port")
    return match[1].strip("[]"), int(match[2])


def _checked_address(address: str) -> str:
    split_address(address)
    return address


def _checked_optional(address: str) -> str:
    return _checked_address(address) if address else address


def _checked_queue(url: str) -> str:
    if url:
        QueueAddress.parse(url)
    return url


class Settings(BaseSettings):
    """The settings of one service. A service with settings of its own adds fields in a subclass."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    state_dir: Path = Field(Path(".state"), validation_alias="STATE_DIR")
    faults: bool = Field(False, validation_alias="SHOP_FAULTS")
    listen: Annotated[str, AfterValidator(_checked_address)]
    http: Annotated[str, AfterValidator(_checked_optional)] = ""
    nats: Annotated[str, AfterValidator(_checked_queue)] = ""
    nats_login: Path | None = None
    nats_ca: Path | None = None
    database_url: str
    drain_seconds: float = Field(10.0, ge=0, allow_inf_nan=False)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    trusted_callers: Path | None = None
    insecure: bool = False
    events: Annotated[str, AfterValidator(_checked_queue)] = ""
    events_from: Literal["beginning", "now"] = "beginning"
    orchestrator: Annotated[str, AfterValidator(_checked_optional)] = ""
    orchestrator_token: Path | None = None
    orchestrator_ca: Path | None = None

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, value: str, info: ValidationInfo) -> str:
        """Complete the URL: the driver is ours to choose, the folder is that of ``STATE_DIR``."""
        try:
            url = make_url(value.replace("{STATE_DIR}", str(info.data.get("state_dir", ""))))
        except ArgumentError:
            raise ValueError("is not a database URL, such as sqlite:///path or postgresql://user@host/name") from None
        if url.drivername not in _DRIVERS:
            raise ValueError(f"'{url.drivername}' is neither sqlite nor postgresql")
        return url.set(drivername=_DRIVERS[url.drivername]).render_as_string(hide_password=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over what ``load_settings`` passes: those are the defaults."""
        return env_settings, init_settings


SettingsT = TypeVar("SettingsT", bound=Settings)


def load_settings(kind: type[SettingsT], *, name: str, contract: ServiceDescriptor) -> SettingsT:
    """Read the settings of the service ``name``, whose contract says where it listens by default.

    Raises:
        SettingsError: a variable has a value that cannot be used.
    """
    prefix = f"{name.upper()}_"
    defaults = {
        "listen": contract.GetOptions().Extensions[default_host],
        "database_url": f"sqlite:///{{STATE_DIR}}/{name}.db",
    }
    try:
        # The prefix is pydantic-settings' own argument, which the synthesized signature does not show.
        return kind(**{"_env_prefix": prefix, **defaults})
    except ValidationError as error:
        raise SettingsError("; ".join(_complaint(prefix, kind, problem) for problem in error.errors())) from None


def _complaint(prefix: str, kind: type[Settings], problem: object) -> str:
    assert isinstance(problem, dict)
    name = str(problem["loc"][0])
    variable = prefix + name.upper() if name in kind.model_fields else name
    return f"{variable}: {str(problem['msg']).removeprefix('Value error, ')}"
