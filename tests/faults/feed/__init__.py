"""The mission store and its rows: what they may do to us, and what stops before the first effect."""
