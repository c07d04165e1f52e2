"""Where sinks are, and how they want to be told: read from one URL each.

``nats://host:4222/<prefix>``, ``tls://host:4222/<prefix>``
    The JetStream there, over TLS in the second form. An event is published to ``<prefix>.<type>``; the prefix is
    ``events`` unless it is said.
``https://host/path``, ``http://host/path``
    A webhook: an event is POSTed there.

A query says more, and is not sent:

==========  =========================================================================================================
``format``  ``protobuf`` or ``json``: how the message of an event is written. Webhooks: ``json``; NATS: ``protobuf``
``mode``    of a webhook: ``structured``, all of the event is in the signed body; ``binary``, attributes are headers
``type``    only events of this type, or ``shop.order.v1.*`` for those of a package; may be repeated
==========  =========================================================================================================
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit, urlunsplit

from orchestrator.contract.addresses import is_loopback
from orchestrator.errors import SettingsError
from orchestrator.events.cloud_event import DataFormat

NATS: Final = ("nats", "tls")
WEBHOOKS: Final = ("http", "https")
DEFAULT_PREFIX: Final = "events"

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_KNOWN: Final = frozenset({"format", "mode", "type"})
_STRUCTURED: Final = "structured"
_BINARY: Final = "binary"


class SinkAddress(NamedTuple):
    """Where a sink is, and how it wants to be told.

    Attributes:
        name: under which the outbox keeps how far it was told.
        scheme: ``nats``, ``tls``, ``http`` or ``https``.
        server: ``host:port`` of a NATS server, or the host of a webhook.
        target: the prefix of the subjects, or the URL of the webhook without what is said for us.
        data_format: how the message of an event is written.
        structured: of a webhook: all of the event is in the body.
        types: patterns; empty for every type.
    """

    name: str
    scheme: str
    server: str
    target: str
    data_format: DataFormat
    structured: bool
    types: tuple[str, ...]

    def wants(self, kind: str) -> bool:
        """Whether it is told of events of this type."""
        return not self.types or any(fnmatchcase(kind, each) for each in self.types)

    @property
    def is_away(self) -> bool:
        """What is sent there leaves this machine."""
        return not is_loopback(self.server)


def read_address(name: str, url: str) -> SinkAddress:
    """The address that a URL says.

    Raises:
        SettingsError: it says none.
    """
    if not _NAME.fullmatch(name):
        raise _refused(name, "a name begins with a lower-case letter; then come such letters, digits, '_' and '-'")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused(name, str(error)) from None
    if parts.scheme not in (*NATS, *WEBHOOKS) or not parts.hostname:
        raise _refused(
            name, f"{url!r} is no address; write nats://host:port/prefix, tls://..., https://host/path or http://..."
        )
    said = parse_qs(parts.query, keep_blank_values=True)
    if unknown := sorted(set(said) - _KNOWN):
        raise _refused(name, f"what is {unknown[0]!r}? A query says {', '.join(sorted(_KNOWN))}; it is not sent")
    if parts.username or parts.password:
        raise _refused(name, "who we are is said by files, and not in an address")
    is_webhook = parts.scheme in WEBHOOKS
    target = (
        urlunsplit((parts.scheme, parts.netloc, parts.path or "/", "", "")) if is_webhook else parts.path.strip("/")
    )
    target = target or DEFAULT_PREFIX
    if not is_webhook and not _PREFIX.fullmatch(target):
        raise _refused(name, f"{target!r} is no prefix of subjects; use letters, digits, '_', '-' and '.'")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = DataFormat.JSON if is_webhook else DataFormat.PROTOBUF
    return SinkAddress(
        name,
        parts.scheme,
        f"{host}:{port or (443 if parts.scheme == 'https' else 80 if is_webhook else 4222)}",
        target,
        DataFormat(_one_of(name, said, "format", tuple(DataFormat), default)),
        _one_of(name, said, "mode", (_STRUCTURED, _BINARY), _STRUCTURED) == _STRUCTURED,
        tuple(said.get("type", ())),
    )


def _one_of(name: str, said: dict[str, list[str]], what: str, known: tuple[str, ...], default: str) -> str:
    values = said.get(what, [default])
    if len(values) > 1 or values[0] not in known:
        raise _refused(name, f"{what}={values[-1]!r}: say {' or '.join(known)}")
    return values[0]


def _refused(name: str, why: str) -> SettingsError:
    return SettingsError(f"ORCHESTRATOR_EVENTS_SINKS, {name}: {why}")
