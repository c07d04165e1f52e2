"""The refund that the boutique's payments lack: what is to be paid back, for the accountants, once for each charge."""

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from refunds.v1.refunds_pb2 import RefundResponse
from refunds.v1.refunds_pb2_grpc import RefundServiceServicer, add_RefundServiceServicer_to_server

from orchestrator.participant import Kind
from orchestrator.participant.drivers import DriverRecords
from orchestrator.participant.threads import GuardInterceptor

KINDS = {"refunds.v1.RefundService": {"Refund": Kind.COMPENSATION}}
TABLE = """CREATE TABLE IF NOT EXISTS refunds (
    transaction_id TEXT PRIMARY KEY, currency TEXT, units INTEGER, nanos INTEGER, why TEXT
)"""
records = DriverRecords(sqlite3, lambda: sqlite3.connect("refunds.db", check_same_thread=False))


class Refunds(RefundServiceServicer):
    def Refund(self, request, context):
        due = request.amount
        row = request.transaction_id, due.currency_code, due.units, due.nanos, request.why
        records.connection().execute("INSERT INTO refunds VALUES (?, ?, ?, ?, ?)", row)
        return RefundResponse()


def main(address):
    records.create_table()
    with sqlite3.connect("refunds.db") as connection:
        connection.execute(TABLE)
    server = grpc.server(ThreadPoolExecutor(8), interceptors=[GuardInterceptor(records, KINDS)])
    add_RefundServiceServicer_to_server(Refunds(), server)
    port = server.add_insecure_port(address)
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
