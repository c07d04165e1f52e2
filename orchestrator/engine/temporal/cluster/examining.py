"""What ``orchestrator doctor`` says of a Temporal cluster that has the sagas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from orchestrator.contract.wording import counted
from orchestrator.engine.temporal import names
from orchestrator.engine.temporal.cluster.connecting import ClusterFiles, Place, connect
from orchestrator.engine.temporal.cluster.preparing import readiness
from orchestrator.errors import JournalUnavailable
from orchestrator.ports.findings import error, fine, warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temporalio.client import Client

    from orchestrator.ports.findings import Finding

_DAY: Final = 86_400
_SHORT_DAYS: Final = 7


async def examine_cluster(
    url: str, served: Sequence[tuple[str, int]], files: ClusterFiles | None = None, *, insecure: bool = False
) -> list[Finding]:
    """What was found.

    Args:
        url: of the cluster and its namespace.
        served: the definitions, by name and version, whose workers are looked for.
        files: of the connection.
        insecure: another machine may be reached without TLS.
    """
    try:
        client = await connect(url, files, insecure=insecure)
        found = await readiness(client)
    except JournalUnavailable as away:
        return [error("engine", str(away), "start the server, or name another one with ORCHESTRATOR_ENGINE")]
    findings = [fine("engine", f"Temporal answers at {Place.of(url).target}, namespace {client.namespace}")]
    if found.missing:
        lacking = f"search attributes are missing: {', '.join(found.missing)}"
        findings.append(error("search attributes", lacking, f"run: orchestrator engine prepare --engine {url}"))
    else:
        findings.append(fine("search attributes", "sagas can be found"))
    if found.has_schedules:
        findings.append(fine("schedules", "sagas can be started by schedule"))
    else:
        findings.append(warning("schedules", "this server keeps none", "see that it is no older than Temporal 1.17"))
    findings.append(_retention(found.retention_seconds))
    return findings + [await _workers(client, *of) for of in served]


def _retention(seconds: int) -> Finding:
    """A request that is repeated later than that starts another saga: Temporal forgets what has ended."""
    days = f"{seconds / _DAY:g} days" if seconds != _DAY else "1 day"
    what = f"sagas that have ended are kept for {days}; after that, a request id that is used again starts another saga"
    if seconds < _SHORT_DAYS * _DAY:
        return warning("retention", what, "let the namespace keep them for longer than anybody repeats a request")
    return fine("retention", what)


async def _workers(client: Client, definition: str, version: int) -> Finding:
    about = f"workers of {definition} v{version}"
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=names.queue_of(definition, version)),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        pollers = {each.identity for each in (await client.workflow_service.describe_task_queue(request)).pollers}
    except RPCError as refused:
        return warning(about, f"they cannot be asked for: {refused}", "look at the server")
    if pollers:
        return fine(about, counted(len(pollers), "process"))
    return warning(about, "nobody has served it in the last minutes", "start orchestrator serve with these sagas")
