"""Whole installations in virtual time: replicas, CACTUS, the mail server, the FVMA and people, drawn from one seed.

The jobs, the procedure, the daemon and the ledger are the real ones, SQLAlchemy and SQLite too; what lies between them
and the world is played. Everything that is random comes from the seed, so that `python -m tests.faults.simulation SEED`
plays the same life again, step by step.
"""
