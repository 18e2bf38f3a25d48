"""What the server is started with."""

from pathlib import Path

SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # names the socket file; nothing listens on TCP
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # A week of small files. Statements, parameters and the DETAIL of errors hold health
    # data, and health data never reach a log.
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_file_mode": "0600",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}

DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")


def settings(socket_folder: Path, *, durable: bool, memory: str) -> dict[str, str]:
    """Return the server's settings; without durability a power cut may cost the cluster."""
    durability = dict.fromkeys(DURABILITY, "on" if durable else "off")
    own = {"shared_buffers": memory, "unix_socket_directories": f'"{socket_folder}"'}
    return SETTINGS | durability | own
