"""How settings are written: the names of their variables, what each takes, and how lists, pairs and rates are read."""

from __future__ import annotations

from typing import Final

from orchestrator.journal.retention import TAKES as RULE
from orchestrator.ports.quotas import Rate
from orchestrator.store.opening import known_urls

PREFIX: Final = "ORCHESTRATOR_"
"""With this begins every variable of the orchestrator."""

_SECONDS: Final = {"s": 1, "min": 60}
_MOST_CALLS: Final = 100_000

TAKES: Final = {
    "listen": "host:port, such as 127.0.0.1:50100",
    "console_listen": "host:port, such as 127.0.0.1:50180, or nothing for no console",
    "trace_url": "a URL that holds {trace_id}, such as http://127.0.0.1:16686/trace/{trace_id}",
    "state_dir": "a folder",
    "STATE_DIR": "a folder",
    "journal": known_urls(),
    "metrics_listen": "host:port, such as 127.0.0.1:9464, or nothing",
    "engine_tls_ca": "a file",
    "engine_tls_certificate": "a file",
    "engine_tls_key": "a file",
    "engine_token": "a file",
    "engine": "temporal://host:7233/namespace, or nothing for replicas of our own",
    "journal_listen": "another URL of a journal that processes share, postgresql://<host>/<database>",
    "sagas": "names of modules, separated by commas",
    "overlays": "names of files, separated by commas",
    "participants": "full.service.Name=host:port, separated by commas",
    "rates": "full.service.Name=50/s or =30/min, separated by commas",
    "processes": "a whole number, 1 or more",
    "drain_seconds": "a number of seconds, 0 or more",
    "most_in_flight": "a whole number, 1 or more",
    "most_starts_in_flight": "a whole number, 1 or more",
    "most_starts_queued": "a whole number, 0 or more",
    "most_live_sagas": "a whole number, 1 or more",
    "most_live_by_definition": "place_order=200, separated by commas; each 1 or more",
    "most_queued_sagas": "a whole number, 0 or more",
    "most_queued_by_definition": "place_order=200, separated by commas; each 0 or more",
    "weights": "place_order=3, separated by commas; each 1 or more",
    "most_watchers": "a whole number, 0 or more",
    "stall_seconds": "a number of seconds, more than 0",
    "keepalive_seconds": "a number of seconds from 0, for never, to 86400",
    "nats_login": "a file",
    "nats_ca": "a file",
    "nats_certificate": "a file",
    "nats_key": "a file",
    "nats_group": "a name of up to 64 letters, digits, - and _",
    "nats_monitor": "the URL of a page, such as http://127.0.0.1:8222, or nothing",
    "nats_queue_seconds": "a number of seconds, more than 0, up to 604800",
    "http_idle_seconds": "a number of seconds from 0, for a new connection each time, to 3600",
    "drift_check": "true or false",
    "most_message_bytes": "a whole number of bytes, 1024 or more",
    "lease_seconds": "a number of seconds, more than 0",
    "subjects": "a file",
    "jwt_keys": "a file, or a URL",
    "jwt_issuer": "the name of an issuer",
    "jwt_audience": "the name of an audience",
    "jwt_definitions": "the name of a claim",
    "jwt_leeway_seconds": "a number of seconds from 0 to 300",
    "jwt_roles": "the name of a claim",
    "jwt_role_names": "their name=viewer, starter, operator, approver or admin, separated by commas",
    "jwt_attributes": "attribute=claim, separated by commas",
    "tls_certificate": "a file",
    "tls_key": "a file",
    "tls_ca": "a file",
    "participant_tls_ca": "a file",
    "participant_tls_certificate": "a file",
    "participant_tls_key": "a file",
    "participant_tls_names": "full.service.Name=name, separated by commas",
    "participant_tokens": "full.service.Name=file, separated by commas",
    "events_sinks": "name=url, separated by commas, such as analytics=nats://127.0.0.1:4222/events",
    "events_secrets": "name=file, separated by commas",
    "events_tls_ca": "a file",
    "events_give_up_seconds": "a number of seconds, 0 or more",
    "events_keep_days": "a number of days, more than 0",
    "insecure": "true or false",
    "four_eyes": "resolve, skip, approve or approve:<name of an approval>, separated by commas",
    "log_level": "DEBUG, INFO, WARNING or ERROR",
    "log_format": "text or json",
    "retention": f"{RULE}, separated by commas",
    "retention_archive": "a folder",
    "failpoints": "names, separated by commas",
}
"""What a field takes, in words. The messages of pydantic speak of patterns and types."""


def variable(field: str) -> str:
    """The name of the variable that a field is read from."""
    return field if field.isupper() else f"{PREFIX}{field.upper()}"


def parts(value: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def pairs(value: str, takes: str) -> dict[str, str]:
    """What is said of each name, as in ``name=said,other=more``.

    Raises:
        ValueError: it is not written so; the message says what the setting ``takes``.
    """
    found = [part.partition("=") for part in parts(value)]
    if any(not (name and said) for name, _, said in found):
        raise ValueError(f"expected {takes}")
    return {name: said for name, _, said in found}


def rate(text: str) -> Rate:
    """So many calls in a second or in a minute.

    Raises:
        ValueError: it is not written so.
    """
    calls, _, unit = text.partition("/")
    if unit not in _SECONDS or not calls.isdecimal() or not 0 < int(calls) <= _MOST_CALLS:
        raise ValueError(f"expected a rate such as 50/s or 30/min, not {text!r}")
    return Rate(int(calls), _SECONDS[unit])
