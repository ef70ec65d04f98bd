"""An hour of real life, a fault at least every thirty seconds: nothing grows, is lost or is done twice.

    python -m tests.faults.soak --minutes 60 --figures figures.jsonl --series series.jsonl

Real `syncd run` processes, one on SQLite and one on PostgreSQL, each with a mission store into which missions keep
flowing, a CACTUS and a mail server on loopback, and people who fill, generate and reopen. Meanwhile `faults` breaks one
thing after another, `sampling` looks at the process from outside, and `judgement` decides at the end (row O06).
"""
