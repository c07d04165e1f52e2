"""What an operator may set of the email service, besides what the chassis offers.

| variable           | meaning                                                              | default                 |
|--------------------|----------------------------------------------------------------------|-------------------------|
| ``EMAIL_SMTP_URL`` | the mail server, ``smtp://[user:password@]host[:port]`` or ``smtps`` | none: the letters are   |
|                    |                                                                      | files in ``STATE_DIR``  |
| ``EMAIL_SENDER``   | the shop's own address                                               | ``orders@shop.example`` |
"""

from pydantic import SecretStr, field_validator

from services.chassis import Settings
from services.email.delivery import MailDelivery, OutboxFolder, SmtpDelivery
from services.email.domain import address


class EmailSettings(Settings):
    """The settings of the email service."""

    smtp_url: SecretStr | None = None
    sender: str = "orders@shop.example"

    @field_validator("smtp_url")
    @classmethod
    def _a_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            SmtpDelivery.from_url(value.get_secret_value())
        return value

    @field_validator("sender")
    @classmethod
    def _an_address(cls, value: str) -> str:
        return address(value).addr_spec

    def delivery(self) -> MailDelivery:
        """How letters leave: through the mail server, or into the folder ``outbox`` of ``STATE_DIR``."""
        if self.smtp_url is None:
            return OutboxFolder(self.state_dir / "outbox")
        return SmtpDelivery.from_url(self.smtp_url.get_secret_value())
