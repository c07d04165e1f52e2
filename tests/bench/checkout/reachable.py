"""The trivial participant behind the chassis, which takes its calls over gRPC, HTTP and NATS at once.

Its arguments are where it listens for HTTP, ``host:port``, and the address of its queue, ``nats://host:port/prefix``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import uvloop
from bench.v1.bench_pb2 import DESCRIPTOR
from bench.v1.bench_pb2_grpc import add_CheckoutServiceServicer_to_server

from services.chassis.answering import Answering
from services.chassis.listening import door
from services.chassis.over_grpc.server import GrpcServer
from services.chassis.over_http.server import HttpServer
from services.chassis.over_nats.opening import open_queue
from services.chassis.settings import Settings, load_settings
from services.chassis.spans import Untraced
from tests.bench.checkout.participant import Checkout
from tests.bench.processes import end_with_parent


async def main() -> None:
    end_with_parent()
    http, nats = sys.argv[1:]
    os.environ.update(CHECKOUT_LISTEN="127.0.0.1:0", CHECKOUT_HTTP=http, CHECKOUT_NATS=nats)
    contract = DESCRIPTOR.services_by_name["CheckoutService"]
    settings = load_settings(Settings, name="checkout", contract=contract)
    entrance = door(settings, prefix="CHECKOUT_")
    servicer: Any = Checkout()
    answering = Answering(contract, servicer, tracing=Untraced(), trusts=entrance.trusts)
    server = GrpcServer(
        answering,
        servicer,
        add_CheckoutServiceServicer_to_server,
        None,
        entrance=entrance,
        listen=settings.listen,
        variable="CHECKOUT_LISTEN",
    )
    await HttpServer(answering, entrance=entrance, listen=http, variable="CHECKOUT_HTTP").start()
    await open_queue(answering, settings, prefix="CHECKOUT_").start()
    await server.start()
    sys.stdout.write(f"{server.address.rpartition(':')[2]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(main())
