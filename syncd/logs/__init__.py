"""Logs: one line per unit of work, without personal data, that never stands in the way of the work."""

from syncd.logs.configuration import Form, configure_logs, flush_logs, get_log, lines_lost, log_crashes

__all__ = ["Form", "configure_logs", "flush_logs", "get_log", "lines_lost", "log_crashes"]
