"""A client that says who it is over an encrypted connection alone.

That of the library goes on in the clear where the server does not ask for TLS, so a machine between the two learns
the password by answering in the place of the server.
"""

import nats.errors
from nats.aio.client import Client


class EncryptedClient(Client):
    """It leaves a server that offers no TLS."""

    def _connect_command(self) -> bytes:
        if not self._server_info.get("tls_required"):
            raise nats.errors.Error("the server does not offer TLS, and TLS is wanted")
        return super()._connect_command()
