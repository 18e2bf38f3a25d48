"""Privacy classes: what a column says about a person."""

from enum import StrEnum


class Privacy(StrEnum):
    """The class decides who may see a column, whether it may be logged, and when it is erased."""

    OPERATIONAL = "operational"
    IDENTIFYING = "identifying"
    CONTACT = "contact"
    HEALTH = "health"
    SECRET = "secret"  # noqa: S105 - the name of a class, not a secret
