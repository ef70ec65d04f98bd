"""Rows B01 to B10, C06 and C09: a database that is busy, full, silent, killed, shared or set back in time."""
