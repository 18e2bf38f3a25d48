"""E-mail by SMTP: the same neutral line, and a link that carries no token."""

import re
import smtplib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal, Self, TypeAlias

from recovery_service.clock import Clock, SystemClock
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Message,
    Outcome,
    Retired,
    Retry,
    Sent,
)

Security: TypeAlias = Literal["starttls", "tls", "none"]

_MAILBOX = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_OPAQUE = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
_NO_SUCH_MAILBOX = {550, 551, 553}
_FIRST_PERMANENT = 500
_ENHANCED = re.compile(rb"[245]\.(\d{1,3})\.(\d{1,3})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSettings:
    """Where mail goes out.

    `base_url` makes the message's path a link; without it there is none. `ca_file` adds the
    clinic's own authority. `batch_seconds` is how long new mails of one batch are begun, and
    `timeout_seconds` what one step of the conversation may take.
    """

    host: str
    port: int
    sender: str
    security: Security = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    base_url: str | None = None
    ca_file: str | None = None
    timeout_seconds: float = 10.0
    batch_seconds: float = 20.0
    clock: Clock = field(default_factory=SystemClock)


class BadMailbox(ValueError):
    """Not an address that mail is sent to; the text does not repeat it."""


def check_mailbox(address: str) -> None:
    """Raise `BadMailbox` unless `address` is one plain ASCII mailbox, at most 254 characters.

    Deliberately narrower than RFC 5322: no quotes, comments, groups or white space, so that
    an address can never be read as a second one or as another header.
    """
    if not _MAILBOX.fullmatch(address):
        raise BadMailbox("must be one e-mail address")


class Email:
    """Plain-text mail; one connection a batch."""

    name = "email"
    resends = True

    def __init__(self, settings: EmailSettings) -> None:
        check_mailbox(settings.sender)
        self._settings = settings
        self._tls = ssl.create_default_context(cafile=settings.ca_file)

    @classmethod
    def from_settings(cls, settings: EmailSettings) -> Self:
        """Build the channel; a malformed sender is an error here, not at a send."""
        return cls(settings)

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        """Mail to every destination; see `Channel.send`."""
        started = time.monotonic()
        outcomes: list[Outcome] = []
        conversation = _Conversation(self._settings, self._tls)
        for address, message in batch:
            waited = time.monotonic() - started
            if waited > self._settings.batch_seconds:
                break
            mail = self._compose(address, message, message.ttl - int(waited))
            outcomes.append(conversation.deliver(mail) if isinstance(mail, EmailMessage) else mail)
        conversation.end()
        return outcomes + [Retry(None, "not_tried")] * (len(batch) - len(outcomes))

    def close(self) -> None:
        """Nothing is held between batches."""

    def _compose(self, address: Address, message: Message, ttl: int) -> EmailMessage | Outcome:
        """Return the mail, or why there is none."""
        if message.silent:
            return Dead("not_silent")
        if ttl <= 0:
            return Dead("expired")
        if address.address is None:
            return Dead("no_address")
        try:
            check_mailbox(address.address)
            return self._mail(address.address, message, ttl)
        except BadMailbox:
            return Retired("bad_address")
        except ValueError:  # a header with a line break in it, or an id that is not opaque
            return Dead("bad_message")

    def _mail(self, mailbox: str, message: Message, ttl: int) -> EmailMessage:
        """Write the mail; the same delivery always has the same Message-ID.

        `Expires` (RFC 4021) is the mail's own word for what is left.
        """
        if not _OPAQUE.fullmatch(message.delivery_id):
            raise ValueError
        now = self._settings.clock()
        mail = EmailMessage(policy=policy.SMTP)
        mail["From"] = self._settings.sender
        mail["To"] = mailbox
        mail["Subject"] = message.title
        mail["Date"] = format_datetime(now)
        mail["Expires"] = format_datetime(now + timedelta(seconds=ttl))
        mail["Message-ID"] = f"<{message.delivery_id}@{self._settings.sender.partition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes, please
        mail.set_content("\n\n".join((message.line, *self._link(message))) + "\n")
        mail["Content-Language"] = message.language  # after the content, which resets Content-*
        return mail

    def _link(self, message: Message) -> tuple[str, ...]:
        if self._settings.base_url is None or message.deep_link is None:
            return ()
        if not _PATH.fullmatch(message.deep_link):
            raise ValueError
        return (self._settings.base_url.rstrip("/") + message.deep_link,)


class _Conversation:
    """One batch's talk with the mail server: opened late, opened again after trouble."""

    def __init__(self, settings: EmailSettings, tls: ssl.SSLContext) -> None:
        self._settings = settings
        self._tls = tls
        self._server: smtplib.SMTP | None = None
        self._down: Outcome | None = None

    def deliver(self, mail: EmailMessage) -> Outcome:
        """Hand over one mail; a server that cannot be had is not asked again this batch."""
        if self._down is not None:
            return self._down
        if self._server is None:
            try:
                self._server = self._open()
            except (smtplib.SMTPException, OSError) as trouble:
                self._down = _unavailable(trouble)
                return self._down
        return self._hand_over(self._server, mail)

    def end(self) -> None:
        """Close the connection without waiting for a goodbye that may never come."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _hand_over(self, server: smtplib.SMTP, mail: EmailMessage) -> Outcome:
        try:
            server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as refusal:
            return _recipient_refused(*next(iter(refusal.recipients.values())))
        except smtplib.SMTPResponseException as refusal:
            self.end()
            return _mail_refused(refusal)
        except TimeoutError:
            self.end()
            return Retry(None, "timeout")
        except (smtplib.SMTPException, OSError):
            self.end()
            return Retry(None, "connection_lost")
        return Sent(str(mail["Message-ID"]))

    def _open(self) -> smtplib.SMTP:
        """Connect, insist on TLS where it is asked for, and sign in."""
        settings = self._settings
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout_seconds, context=self._tls
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_seconds)
        try:
            if settings.security == "starttls":
                server.starttls(context=self._tls)
            if settings.username is not None:
                server.login(settings.username, settings.password or "")
        except BaseException:
            server.close()
            raise
        return server


def _unavailable(trouble: Exception) -> Outcome:
    """Say why there is no conversation; never a reason to give an address up."""
    if isinstance(trouble, smtplib.SMTPAuthenticationError):
        return Retry(None, "provider_refused")
    if isinstance(trouble, smtplib.SMTPNotSupportedError):
        return Retry(None, "no_tls")
    if isinstance(trouble, TimeoutError):
        return Retry(None, "timeout")
    return Retry(None, "unreachable")


def _mail_refused(refusal: smtplib.SMTPResponseException) -> Outcome:
    """Read a refusal of the mail or of us as its sender."""
    if refusal.smtp_code < _FIRST_PERMANENT:
        return Retry(None, "provider_error")
    if isinstance(refusal, smtplib.SMTPSenderRefused):
        return Retry(None, "provider_refused")  # our set-up; it may be mended before expiry
    return Dead("provider_rejected")


def _recipient_refused(code: int, text: bytes) -> Outcome:
    """Read a refusal of the recipient (RFC 5321 §4.2, RFC 3463 §3).

    550 also means "not from you" (5.7.x) and that says nothing about the mailbox, so only a
    refusal that is about the address retires it.
    """
    if code < _FIRST_PERMANENT:
        return Retry(None, "throttled")
    enhanced = _ENHANCED.search(text)
    about_address = enhanced is None or enhanced[1] == b"1" or enhanced[0][1:] == b".2.1"
    if code in _NO_SUCH_MAILBOX and about_address:
        return Retired("refused")
    return Dead("provider_rejected")
