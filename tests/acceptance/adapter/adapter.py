import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from cards.v1.cards_pb2_grpc import CardServiceStub
from charging.v1.charging_pb2 import GetChargeResponse, RefundResponse
from charging.v1.charging_pb2_grpc import ChargingServiceServicer, add_ChargingServiceServicer_to_server

from orchestrator.participant import Kind
from orchestrator.participant.drivers import DriverRecords
from orchestrator.participant.threads import GuardInterceptor

KINDS = {
    "charging.v1.ChargingService": {
        "Charge": Kind.FOREIGN,
        "Refund": Kind.COMPENSATION,
        "GetCharge": Kind.QUERY,
    }
}
REFUNDS = "CREATE TABLE IF NOT EXISTS refunds (transaction_id TEXT PRIMARY KEY, cents INTEGER NOT NULL)"
records = DriverRecords(sqlite3, lambda: sqlite3.connect("adapter.db", check_same_thread=False))


class Adapter(ChargingServiceServicer):
    def __init__(self, cards):
        self.cards = cards

    def Charge(self, request, context):
        try:
            return self.cards.Charge(request, timeout=5)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:  # so it says that it did not charge
                context.abort(error.code(), error.details())
            raise  # it may have charged: the command stays in doubt

    def Refund(self, request, context):
        refund = request.transaction_id, request.cents
        records.connection().execute("INSERT INTO refunds VALUES (?, ?)", refund)  # the accountants pay it back
        return RefundResponse()

    def GetCharge(self, request, context):
        return GetChargeResponse()  # the guard has looked


def main(address, foreign):
    records.create_table()
    with sqlite3.connect("adapter.db") as connection:
        connection.execute(REFUNDS)
    server = grpc.server(ThreadPoolExecutor(8), interceptors=[GuardInterceptor(records, KINDS)])
    add_ChargingServiceServicer_to_server(Adapter(CardServiceStub(grpc.insecure_channel(foreign))), server)
    port = server.add_insecure_port(address)
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
