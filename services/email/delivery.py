"""How a letter leaves: through an SMTP server, or into an outbox folder where there is none.

Both ways block, so they run in the worker thread. A letter may leave twice when a process dies or a connection
breaks at the wrong moment; both copies carry the same Message-ID, and the outbox keeps only one file.
"""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from smtplib import SMTP, SMTP_SSL, SMTPDataError, SMTPException, SMTPRecipientsRefused
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

# One second less than the contract gives the whole command.
_TIMEOUT = timedelta(seconds=4)
_PERMANENT = 500


class LetterRefusedError(Exception):
    """The mail server will never take this letter; the message holds its reply code and no address."""


class MailUnavailableError(Exception):
    """The letter could not be handed over now, or nobody knows whether it was; a later attempt may succeed."""


class MailDelivery(Protocol):
    """A way for letters to leave."""

    def send(self, letter: EmailMessage, file_name: str) -> None:
        """Hand a letter over, and return once another system is responsible for it.

        Args:
            letter: the letter, complete.
            file_name: what to call it where it becomes a file.

        Raises:
            LetterRefusedError: it will never be taken.
            MailUnavailableError: it may be taken later.
        """
        ...


@dataclass(frozen=True, slots=True)
class SmtpDelivery:
    """Hands letters to the mail server at ``host`` and ``port``, encrypted wherever the server offers it.

    Attributes:
        host: the server.
        port: its port.
        tls: whether the connection begins encrypted (``smtps``).
        user: whom to log in as; empty for nobody.
        password: the password of ``user``.
    """

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def from_url(cls, url: str) -> SmtpDelivery:
        """Read ``smtp://[user:password@]host[:port]`` (port 25) or ``smtps://...`` (port 465).

        Raises:
            ValueError: the URL has another scheme, no host or no such port. The message does not quote it.
        """
        wrong = ValueError("a mail server is given as smtp://[user:password@]host[:port] or smtps://...")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            # Not chained: a password with a bare slash reads as a port, and the parser's own message quotes it.
            raise wrong from None
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise wrong
        tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=port or (465 if tls else 25),
            tls=tls,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def send(self, letter: EmailMessage, file_name: str) -> None:
        """See :meth:`MailDelivery.send`; the file name is of no use here."""
        del file_name
        try:
            with self._session() as server:
                server.send_message(letter)
        except SMTPRecipientsRefused as refused:
            # Not chained, here and below: the library's own error quotes the recipient.
            raise _verdict(next(code for code, _ in refused.recipients.values())) from None
        except SMTPDataError as refused:
            raise _verdict(refused.smtp_code) from None
        except (SMTPException, OSError) as trouble:
            # A refused log-in or sender is ours to configure: the letter itself is still good.
            raise MailUnavailableError(f"the mail server cannot be used: {type(trouble).__name__}") from trouble

    @contextmanager
    def _session(self) -> Iterator[SMTP]:
        context = ssl.create_default_context()
        seconds = _TIMEOUT.total_seconds()
        with (
            SMTP_SSL(self.host, self.port, timeout=seconds, context=context)
            if self.tls
            else SMTP(self.host, self.port, timeout=seconds)
        ) as server:
            server.ehlo_or_helo_if_needed()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
            yield server


@dataclass(frozen=True, slots=True)
class OutboxFolder:
    """Writes each letter as an ``.eml`` file into ``folder``, which is made when it is missing."""

    folder: Path

    def send(self, letter: EmailMessage, file_name: str) -> None:
        """See :meth:`MailDelivery.send`; a letter of the same name is replaced, and never half written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=self.folder, prefix=".", suffix=".part", delete=False) as part:
                part.write(bytes(letter))
                part.flush()
                os.fsync(part.fileno())
            os.replace(part.name, self.folder / file_name)  # noqa: PTH105 - the name is a plain string
        except OSError as trouble:
            raise MailUnavailableError(f"the outbox cannot be written: {type(trouble).__name__}") from trouble


def _verdict(code: int) -> LetterRefusedError | MailUnavailableError:
    if code >= _PERMANENT:
        return LetterRefusedError(f"the mail server refused the letter with {code}")
    return MailUnavailableError(f"the mail server put the letter off with {code}")
