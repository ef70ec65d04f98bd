"""What the jobs need of the outside, as promises; adapters and the ledger keep them."""
