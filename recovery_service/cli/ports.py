"""Whether a port is free, asked before a server shares it without a word."""

import socket
from typing import Any

from recovery_service.cli.refusals import Refusal


def require_free(host: str, port: int) -> None:
    """Refuse a port on which somebody listens already.

    The server itself would join in without a word: it binds with SO_REUSEPORT, and the
    two would take turns in answering.
    """
    for family, kind, protocol, _, address in _addresses(host, port):
        with socket.socket(family, kind, protocol) as probe:
            # Connections of a predecessor that are still winding up are nobody listening.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise Refusal(
                    f"cannot listen on {host} port {port}: {error.strerror or error};"
                    " choose another with RECOVERY_PORT, or stop what is listening there"
                ) from error


def _addresses(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise Refusal(f"RECOVERY_HOST: {host} is no address of this machine") from error
