"""What the daemon does: one loop or one effect in each room. Jobs know ports, never adapters."""
