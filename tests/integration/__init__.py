"""Several parts together, each of them real: replicas on one PostgreSQL, a mail server, processes that are killed."""
