"""What saga code must not use, and what to write instead.

``print`` and ``logging`` are allowed: they return nothing on which the code could depend, and a replay prints again.
Pure functions are allowed too: ``datetime.timedelta``, ``uuid.uuid5``, ``os.path.join``, ``pathlib.PurePath``.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Forbidden(NamedTuple):
    """Names that break a rule.

    Attributes:
        rule: the rule's stable name.
        names: full dotted names; one that ends in ``.*`` stands for all of a module or class.
        message: what is wrong with them, and what to write instead.
    """

    rule: str
    names: tuple[str, ...]
    message: str


WAITS: Final = "waits-are-durable"
TIME: Final = "time-is-journalled"
CHANCE: Final = "chance-is-journalled"
BRANCHES: Final = "branches-are-joined"
IO: Final = "io-is-a-command"
VALUES: Final = "values-outlive-processes"
VISIBLE: Final = "code-is-visible"

FORBIDDEN: Final = (
    Forbidden(
        WAITS,
        ("asyncio.wait_for", "asyncio.timeout", "asyncio.timeout_at"),
        "cuts off in this process alone, and anew in each replay; write `async with orchestrator.timeout(span):`",
    ),
    Forbidden(
        WAITS,
        ("time.sleep", "asyncio.sleep", "sched.*"),
        "waits in this process alone, and anew in each replay; write `await orchestrator.sleep(span)`",
    ),
    Forbidden(
        TIME,
        (
            "time.*",
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
        ),
        "tells another time in each replay; write orchestrator.now()",
    ),
    Forbidden(
        CHANCE,
        (
            *("random.*", "secrets.*", "uuid.uuid1", "uuid.uuid4", "uuid.getnode", "numpy.random.*"),
            *("os.urandom", "os.getrandom"),
        ),
        "comes out differently in each replay; write orchestrator.random() or orchestrator.uuid4()",
    ),
    Forbidden(
        BRANCHES,
        ("asyncio.*", "threading.*", "multiprocessing.*", "concurrent.*", "queue.*", "anyio.*", "trio.*"),
        "runs or waits where the saga does not see it; run branches in asyncio.gather or asyncio.TaskGroup",
    ),
    Forbidden(
        IO,
        (
            *("builtins.open", "builtins.input", "builtins.breakpoint", "sys.stdin.*", "sys.argv", "os.*", "io.*"),
            *("pathlib.*", "shutil.*", "tempfile.*", "glob.*", "fileinput.*", "mmap.*", "fcntl.*", "getpass.*"),
            *("subprocess.*", "signal.*", "platform.*", "socket.*", "ssl.*", "select.*", "selectors.*", "http.*"),
            *("urllib.request.*", "urllib3.*", "requests.*", "httpx.*", "aiohttp.*", "websockets.*", "grpc.*"),
            *("smtplib.*", "imaplib.*", "poplib.*", "ftplib.*", "xmlrpc.*", "sqlite3.*", "dbm.*", "shelve.*"),
            *("psycopg.*", "psycopg2.*", "asyncpg.*", "aiosqlite.*", "sqlalchemy.*", "redis.*", "pymongo.*"),
            *("boto3.*", "botocore.*", "kafka.*", "aiokafka.*", "confluent_kafka.*", "pika.*", "nats.*"),
        ),
        "reaches out of the saga, anew in each replay; let a participant do it and call that, if only by a query",
    ),
    Forbidden(
        VALUES,
        ("builtins.id", "builtins.hash"),
        "differs from process to process; use the saga's input, its saga_id() or what participants reply",
    ),
    Forbidden(
        VISIBLE,
        ("builtins.eval", "builtins.exec", "builtins.compile", "builtins.__import__", "importlib.*", "ctypes.*"),
        "runs code that cannot be read here; write it out",
    ),
)
"""The first entry that names a symbol decides."""

_ALLOWED: Final = (
    *("asyncio.gather", "asyncio.TaskGroup", "concurrent.futures.CancelledError"),
    *("http.HTTPStatus.*", "grpc.StatusCode.*", "io.StringIO.*", "io.BytesIO.*"),
    *("pathlib.PurePath.*", "pathlib.PurePosixPath.*", "pathlib.PureWindowsPath.*"),
    *("os.sep", "os.linesep", "os.fspath", "os.PathLike.*", "os.path.basename", "os.path.commonprefix"),
    *("os.path.dirname", "os.path.isabs", "os.path.join", "os.path.normpath", "os.path.split", "os.path.splitext"),
)


def forbidden(name: str) -> Forbidden | None:
    """Why a full dotted name must not be used, if it must not."""
    if any(_covers(allowed, name) for allowed in _ALLOWED):
        return None
    return next((each for each in FORBIDDEN if any(_covers(pattern, name) for pattern in each.names)), None)


def _covers(pattern: str, name: str) -> bool:
    if not pattern.endswith(".*"):
        return name == pattern
    whole = pattern.removesuffix(".*")
    return name == whole or name.startswith(f"{whole}.")
