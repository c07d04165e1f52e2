"""gRPC in and out: channels to the participants, the status table, the API."""
