"""The outer edges: each room implements one port, with plain values and nothing of the settings."""
