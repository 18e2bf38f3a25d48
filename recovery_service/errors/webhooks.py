"""Conflicts about webhooks."""

from recovery_service.errors.conflicts import Conflict


class TooManyWebhooks(Conflict):
    """The clinic has as many webhooks as the service allows; delete one first."""

    code = "too_many_webhooks"

    def __init__(self, limit: int) -> None:
        super().__init__(f"A clinic may have {limit} webhooks.")


class WebhookDisabled(Conflict):
    """The webhook is disabled, so nothing is sent to it; enable it first."""

    code = "webhook_disabled"

    def __init__(self) -> None:
        super().__init__("Enable the webhook first.")
