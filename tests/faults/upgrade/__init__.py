"""A version follows another: what the former left in the ledger is found, kept, and brought to its end."""
