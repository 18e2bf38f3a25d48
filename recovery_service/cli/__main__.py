"""`python -m recovery_service.cli`, for whoever starts a service without the script."""

from recovery_service.cli import main

main(prog_name="recovery-service")
