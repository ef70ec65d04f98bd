"""The only place where settings, adapters, ledger and clock meet. Reading commands load `reading` alone."""
