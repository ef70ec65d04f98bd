"""The jobs, each with a real ledger and a CACTUS in memory."""
