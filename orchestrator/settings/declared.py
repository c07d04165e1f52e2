"""What can be set of the orchestrator process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from orchestrator.access.subject import roles_named
from orchestrator.contract.addresses import console_address
from orchestrator.errors import SettingsError
from orchestrator.journal.four_eyes import FourEyes
from orchestrator.journal.retention import Action, Rules, parse_rule
from orchestrator.ports.quotas import Rate
from orchestrator.settings.written import PREFIX, TAKES, pairs, parts, rate
from orchestrator.store.opening import default_url, is_known, known_urls, refuse_unheard

_BESIDE: Final = "80 ports above the API"
_Whole = Annotated[int, Field(ge=1)]
_WholeOrNone = Annotated[int, Field(ge=0)]


class Settings(BaseSettings):
    """Each field is read from ``ORCHESTRATOR_<FIELD>``, ``state_dir`` from ``STATE_DIR``.

    Attributes:
        listen: ``host:port`` of the API; port 0 leaves the choice to the system.
        console_listen: ``host:port`` of the web console; empty for none. Default: this machine alone, 80 ports above
            ``listen``.
        trace_url: where a trace can be seen, such as ``http://127.0.0.1:16686/trace/{trace_id}``; empty for nowhere.
        state_dir: where the journal lies unless ``journal`` says otherwise, and the local operator's token.
        journal: the store, as :func:`orchestrator.store.opening.open_store` takes it. Default: a file in ``state_dir``.
        engine: ``temporal://host:7233/namespace`` where sagas are carried on by a Temporal cluster, which then has the
            journal; empty for replicas of our own.
        engine_tls_ca: the file of the authorities whose certificates that cluster must have; with it, it is reached
            over TLS.
        engine_tls_certificate: the file of the certificate that is shown to it, with the chain.
        engine_tls_key: the file of its private key, without a password.
        engine_token: the file of the API key that is sent to it, over TLS.
        metrics_listen: ``host:port`` of the page of metrics for Prometheus; empty for none. With ``processes``, each
            replica has a page: the first one's is here, the next ones' are at the ports that follow.
        journal_listen: another URL of the same store, on which to hear of other replicas: where ``journal`` leads
            through a pooler, one that leads to the database itself. Default: ``journal``.
        sagas: the modules or packages that hold the sagas to serve, separated by commas.
        overlays: the files with options for contracts that are not ours to edit, separated by commas.
        participants: ``full.service.Name=host:port``, separated by commas; for services that are not at the
            ``google.api.default_host`` of their contract. ``grpc://host:port`` says the same; over HTTP it is
            ``http://host:port/path`` or ``https://host:port/path``.
        processes: how many replicas ``orchestrator serve`` runs on ``listen``, each a process of its own.
        drain_seconds: how long a shutdown waits for answers in flight.
        most_in_flight: calls that may be in flight to one participant at once.
        rates: ``full.service.Name=50/s`` or ``=30/min``, separated by commas: how often participants may be called, by
            all replicas together; the others at will. Compensations and queries count too.
        most_starts_in_flight: starts that the API has in hand at once: until their sagas have ended, or have taken
            longer than two seconds. More make the process slower, not quicker. Other calls need no turn.
        most_starts_queued: starts that may wait for their turn; one more is refused with RESOURCE_EXHAUSTED.
        most_live_sagas: sagas that this replica may advance at once, at some 6 KiB each; a start beyond is queued.
            Recovered and child sagas count, and are never queued; parked ones do not count, and their timers wait
            while the replica advances so many.
        most_live_by_definition: ``place_order=200``, separated by commas: the same for sagas of some definitions.
        most_queued_sagas: sagas that may be queued, at all replicas; one more is refused with RESOURCE_EXHAUSTED.
        most_queued_by_definition: the same for sagas of some definitions; of each other one, half of all.
        weights: ``place_order=3``, separated by commas: how the room for queued sagas is shared between definitions.
        most_watchers: calls of WatchSagas at once; one more is refused with RESOURCE_EXHAUSTED.
        most_message_bytes: the largest request to and reply of a participant, and the largest request to the API. A
            larger request of a saga is not sent and counts as rejected; a larger reply is a lost answer.
        keepalive_seconds: how long a connection to a participant may be without a sign of life, while calls are in
            flight, before it is tested; 0 for never.
        http_idle_seconds: how long a connection to a participant over HTTP may be idle and be used again; less than
            after which the participant, or a proxy before it, closes it.
        nats_login: the file by which NATS knows this process: ``user:password`` or a token in one line, or a file of
            credentials.
        nats_ca: the file of the authorities whose certificates NATS must have at addresses with ``tls://``; by default
            those that the machine trusts.
        nats_certificate: the file of the certificate that is shown to NATS, with the chain.
        nats_key: the file of its private key, without a password.
        nats_group: the name of the replicas that share a journal; others that use the same NATS need another one.
        nats_monitor: the URL of the monitoring page of NATS, which ``doctor`` asks; empty for none.
        nats_queue_seconds: how long a command may wait in a queue before it is begun, where its contract states no
            ``queue_deadline``.
        drift_check: whether the contracts of live participants are compared with those known here.
        lease_seconds: after how long others may take over when this replica falls silent.
        retention: how long sagas are kept that have ended, by definition and status, and what becomes of them then; see
            :mod:`orchestrator.journal.retention`. What no rule is for, is kept for ever.
        retention_archive: the folder for the journals that a rule wants archived.
        stall_seconds: after how long the code of a saga that keeps the event loop to itself is interrupted.
        subjects: the file that names who may do what, as :mod:`orchestrator.access.subjects_file` reads it.
        jwt_keys: the JWKS, a file or a URL, of the keys that sign tokens which are believed.
        jwt_issuer: by whom they must be issued.
        jwt_audience: for whom they must be issued.
        jwt_leeway_seconds: by how much the clocks may differ.
        jwt_roles: the claim that holds the roles; with dots for a claim within a claim.
        jwt_role_names: ``theirs=ours``, separated by commas, where the claim calls the roles by other names.
        jwt_definitions: the claim that holds the definitions to which the caller is narrowed; empty for none.
        jwt_attributes: ``attribute=claim``, separated by commas: the claims whose values narrow the caller to sagas
            with these attributes.
        tls_certificate: the file of the API's certificate with the chain, in PEM; without, the API has no TLS.
        tls_key: the file of its private key, in PEM without a password.
        tls_ca: the file of the authorities whose certificates callers of the API need; without, they need none.
        participant_tls_ca: the file of the authorities whose certificates participants must have; without, no
            participant is reached over TLS, and with it, all are.
        participant_tls_certificate: the file of the certificate that is shown to participants, with the chain.
        participant_tls_key: the file of its private key, without a password.
        participant_tls_names: ``full.service.Name=name``, separated by commas; for participants whose certificate is
            not that of the host in their address.
        participant_tokens: ``full.service.Name=file``, separated by commas: what is sent to a participant as
            ``authorization: Bearer <token>``.
        events_sinks: ``name=url``, separated by commas: whom events are told, as
            :mod:`orchestrator.events.addresses` reads it. With a sink, the life of every saga is told, too.
        events_secrets: ``name=file``, separated by commas: the secrets with which what is sent to a webhook is signed.
        events_tls_ca: the file of the authorities whose certificates webhooks must have; without, those that the
            machine trusts.
        events_give_up_seconds: from its first failure on, after which an event becomes a dead letter.
        events_keep_days: for how long events are kept after they happened, so that they can be told again.
        insecure: listen to a network without TLS, send commands over one without TLS, or listen to one with nobody
            known but the local operator; logged at each start.
        four_eyes: what two people must ask for: ``resolve``, ``skip``, ``approve`` or ``approve:<name>``, separated by
            commas.
        log_level: of the orchestrator's own log.
        log_format: ``text`` for people, ``json`` for one JSON object a line.
        failpoints: for crash tests: names of :mod:`orchestrator.engine.run.failpoints` at which the process kills
            itself, ``name`` or ``name:n`` for the n-th time, separated by commas.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", populate_by_name=True)

    listen: str = Field(default="127.0.0.1:50100", pattern=r"^\S+:\d{1,5}$")
    console_listen: str = Field(default=_BESIDE, validate_default=True, pattern=r"^(\S+:\d{1,5})?$")
    trace_url: str = Field(default="", pattern=r"^(https?://\S*\{trace_id\}\S*)?$")
    state_dir: Path = Field(default=Path(".state"), validation_alias="STATE_DIR")
    journal: str = Field(default="", validate_default=True)
    journal_listen: str = ""
    engine_tls_ca: Path | None = None
    engine_tls_certificate: Path | None = None
    engine_tls_key: Path | None = None
    engine_token: Path | None = None
    engine: str = Field(default="", pattern=r"^(temporal://[^\s/]+(/[^\s/]+)?)?$")
    metrics_listen: str = Field(default="", pattern=r"^(\S+:\d{1,5})?$")
    sagas: Annotated[tuple[str, ...], NoDecode] = ()
    overlays: Annotated[tuple[Path, ...], NoDecode] = ()
    participants: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    processes: int = Field(default=1, ge=1)
    drain_seconds: float = Field(default=10.0, ge=0)
    most_in_flight: int = Field(default=512, ge=1)
    rates: Annotated[dict[str, Rate], NoDecode] = Field(default_factory=dict)
    most_starts_in_flight: int = Field(default=128, ge=1)
    most_starts_queued: int = Field(default=1000, ge=0)
    most_live_sagas: int = Field(default=50_000, ge=1)
    most_live_by_definition: Annotated[dict[str, _Whole], NoDecode] = Field(default_factory=dict)
    most_queued_sagas: int = Field(default=100_000, ge=0)
    most_queued_by_definition: Annotated[dict[str, _WholeOrNone], NoDecode] = Field(default_factory=dict)
    weights: Annotated[dict[str, _Whole], NoDecode] = Field(default_factory=dict)
    most_watchers: int = Field(default=256, ge=0)
    most_message_bytes: int = Field(default=16 * 1024 * 1024, ge=1024, lt=2**31)
    keepalive_seconds: float = Field(default=20.0, ge=0, le=86_400)
    http_idle_seconds: float = Field(default=4.0, ge=0, le=3600)
    nats_login: Path | None = None
    nats_ca: Path | None = None
    nats_certificate: Path | None = None
    nats_key: Path | None = None
    nats_group: str = Field(default="orchestrator", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    nats_monitor: str = Field(default="", pattern=r"^(https?://\S+)?$")
    nats_queue_seconds: float = Field(default=3600.0, gt=0, le=604_800)
    drift_check: bool = True
    lease_seconds: float = Field(default=15.0, gt=0)
    stall_seconds: float = Field(default=5.0, gt=0)
    subjects: Path | None = None
    jwt_keys: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_leeway_seconds: float = Field(default=30.0, ge=0, le=300)
    jwt_roles: str = Field(default="roles", min_length=1)
    jwt_role_names: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    jwt_definitions: str = ""
    jwt_attributes: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    participant_tls_ca: Path | None = None
    participant_tls_certificate: Path | None = None
    participant_tls_key: Path | None = None
    participant_tls_names: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    participant_tokens: Annotated[dict[str, Path], NoDecode] = Field(default_factory=dict)
    events_sinks: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    events_secrets: Annotated[dict[str, Path], NoDecode] = Field(default_factory=dict)
    events_tls_ca: Path | None = None
    events_give_up_seconds: float = Field(default=86_400.0, ge=0)
    events_keep_days: float = Field(default=7.0, gt=0)
    insecure: bool = False
    four_eyes: Annotated[tuple[str, ...], NoDecode] = ()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    retention: Annotated[tuple[str, ...], NoDecode] = ()
    retention_archive: Path | None = Field(default=None, validate_default=True)
    failpoints: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("console_listen", mode="before")
    @classmethod
    def _beside(cls, value: object, info: ValidationInfo) -> object:
        return console_address(info.data.get("listen", "")) if value == _BESIDE else value

    @field_validator("sagas", "overlays", "retention", "failpoints", "four_eyes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return parts(value) if isinstance(value, str) else value

    @field_validator("retention")
    @classmethod
    def _rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        Rules(map(parse_rule, value))
        return value

    @field_validator("retention_archive")
    @classmethod
    def _archive(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and any(parse_rule(each).action is Action.ARCHIVE for each in info.data.get("retention", ())):
            raise ValueError("a rule of ORCHESTRATOR_RETENTION archives: name the folder")
        return value

    def of_replica(self, number: int) -> Settings:
        """The settings of one of several replicas, from 1: each serves its metrics at a port of its own."""
        host, _, port = self.metrics_listen.rpartition(":")
        if not int(port or 0):
            return self
        return self.model_copy(update={"metrics_listen": f"{host}:{int(port) + number - 1}"})

    @property
    def retention_rules(self) -> Rules:
        """The rules that ``retention`` says."""
        return Rules(map(parse_rule, self.retention))

    @field_validator("journal")
    @classmethod
    def _store(cls, value: str, info: ValidationInfo) -> str:
        url = value or default_url(info.data.get("state_dir", Path()))
        if not is_known(url):
            raise ValueError(f"expected {known_urls()}")
        return url

    @field_validator("journal_listen")
    @classmethod
    def _another_way(cls, value: str, info: ValidationInfo) -> str:
        try:
            refuse_unheard(info.data.get("journal", ""), value)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("rates", mode="before")
    @classmethod
    def _rates(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return {service: rate(text) for service, text in pairs(value, TAKES["rates"]).items()}

    @field_validator(
        "participants",
        "events_sinks",
        "events_secrets",
        "participant_tls_names",
        "participant_tokens",
        "jwt_role_names",
        "jwt_attributes",
        "most_live_by_definition",
        "most_queued_by_definition",
        "weights",
        mode="before",
    )
    @classmethod
    def _named(cls, value: object, info: ValidationInfo) -> object:
        return pairs(value, TAKES[str(info.field_name)]) if isinstance(value, str) else value

    @field_validator("four_eyes")
    @classmethod
    def _acts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        FourEyes(value)
        return value

    @field_validator("jwt_role_names")
    @classmethod
    def _roles(cls, value: dict[str, str]) -> dict[str, str]:
        roles_named(list(value.values()))
        return value
