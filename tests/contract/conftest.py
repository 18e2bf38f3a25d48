"""The loop's bench, for contracts that are kept from the row to the wire."""

from tests.reminders.conftest import bench, laid_out, loop_database

__all__ = ["bench", "laid_out", "loop_database"]
