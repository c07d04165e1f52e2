"""Looks at the brokers over which participants are reached: are they there, is all made, do they keep what they take?

JetStream says that it has a message before the disk has it, unless its server is set to ``sync_interval: always``. A
client cannot see that setting. The server's monitoring page tells it, where one is set up and named.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from orchestrator.channels.nats.dead_letters import count
from orchestrator.channels.nats.provisioning import look, wanted
from orchestrator.connections.nats import BrokerRefusedError, BrokerUnavailableError
from orchestrator.contract.wording import counted
from orchestrator.ports.findings import error, fine, warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.channels.nats.channel import NatsChannel
    from orchestrator.channels.nats.provisioning import Wanted
    from orchestrator.connections.jetstream import JetStream
    from orchestrator.ports.findings import Finding

CREATE: Final = "orchestrator channels create"

_SECONDS: Final = 3.0
_SYNC: Final = "set `jetstream { sync_interval: always }` in the configuration of the server"


async def examine_brokers(channels: Mapping[str, NatsChannel], group: str, monitor: str) -> list[Finding]:
    """One finding for each broker, for each stream and consumer there, and for whether it keeps what it says.

    Args:
        channels: by the full name of each service that is reached over NATS.
        group: the replicas that share a journal.
        monitor: the URL of the server's monitoring page, such as ``http://127.0.0.1:8222``; empty for none.
    """
    found: list[Finding] = []
    there: set[JetStream] = set()
    for broker in {each.address.server: each.stream for each in channels.values()}.values():
        about = f"NATS {broker.connection.server.place}"
        try:
            await broker.ask("INFO", seconds=_SECONDS)
        except BrokerUnavailableError as away:
            found.append(error(about, str(away), "start it, or say where it is with ORCHESTRATOR_PARTICIPANTS"))
        except BrokerRefusedError as refused:
            found.append(error(about, f"it has no JetStream for this login: {refused}", "switch JetStream on"))
        else:
            there.add(broker)
            found.append(fine(about, "JetStream answers"))
            found.append(await _synced(about, monitor))
    servers = {broker.connection for broker in there}
    prefixes = {each.address.subjects.prefix: each for each in channels.values() if each.stream.connection in servers}
    found += [await _letters(each) for each in prefixes.values()]
    return found + [await _looked_at(each) for each in wanted(channels, group) if each.broker.connection in servers]


async def _looked_at(each: Wanted) -> Finding:
    looked = await look(each)
    if looked.refusal:
        return error(str(each), looked.refusal, "let this login read it")
    if not looked.is_there:
        return error(str(each), "it is missing: nothing is delivered, or no parked saga woken", CREATE)
    if looked.differs:
        return warning(str(each), "; ".join(looked.differs), CREATE)
    return fine(str(each), "as it should be")


async def _letters(channel: NatsChannel) -> Finding:
    about = f"dead letters below {channel.address.subjects.prefix}"
    try:
        number = await count(channel)
    except (BrokerUnavailableError, BrokerRefusedError) as refusal:
        return error(about, str(refusal), "let this login read them")
    if number:
        what = f"participants have given up {counted(number, 'command')}"
        remedy = "orchestrator channels dead-letters tells why; orchestrator dead-commands forget removes them"
        return warning(about, what, remedy)
    return fine(about, "none")


async def _synced(about: str, monitor: str) -> Finding:
    about = f"{about}, its disk"
    if not monitor:
        what = "whether it says that it has a message before its disk has it cannot be told from here"
        return warning(about, what, f"{_SYNC}, and name its monitoring page with ORCHESTRATOR_NATS_MONITOR")
    try:
        config = (await asyncio.to_thread(_read, f"{monitor.rstrip('/')}/jsz")).get("config", {})
    except (URLError, OSError, ValueError) as away:
        return warning(about, f"{monitor} does not answer: {away}", "see ORCHESTRATOR_NATS_MONITOR")
    if config.get("sync_always"):
        return fine(about, "every message is on the disk before it is acknowledged")
    return error(about, "it acknowledges messages that are not on its disk yet: a power cut can lose them", _SYNC)


def _read(url: str) -> dict[str, Any]:
    with urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - the operator's own setting, which must say http
        said: dict[str, Any] = json.loads(answer.read())
    return said
