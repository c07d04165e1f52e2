"""A process of its own: an OTLP/gRPC receiver that counts the spans it gets, in a file that others can map.

``python -m tests.bench.receiver <file>`` says its port.
"""

from __future__ import annotations

import mmap
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.bench.processes import end_with_parent

if TYPE_CHECKING:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_NUMBER = struct.Struct("=Q")


class SpanTally:
    """A number of spans in a file, written by one process and seen at once by another, at no cost to either."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(_NUMBER.pack(0))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _NUMBER.size)

    @property
    def received(self) -> int:
        """How many spans have arrived."""
        (number,) = _NUMBER.unpack_from(self._shared)
        return int(number)

    def add(self, spans: int) -> None:
        """So many more have."""
        _NUMBER.pack_into(self._shared, 0, self.received + spans)


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans and keeps none."""

    def __init__(self, tally: SpanTally) -> None:
        self._tally = tally

    def Export(  # noqa: N802 - named by the contract
        self, request: ExportTraceServiceRequest, _context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        """Count what a process sends."""
        scopes = (scope for resource in request.resource_spans for scope in resource.scope_spans)
        self._tally.add(sum(len(scope.spans) for scope in scopes))
        return ExportTraceServiceResponse()


def main() -> None:
    """Serve until the parent is gone."""
    end_with_parent()
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    receiver = Receiver(SpanTally(Path(sys.argv[1])))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
