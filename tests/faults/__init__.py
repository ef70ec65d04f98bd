"""What syncd survives, proven: each promise of docs/reliability.md against crashes, lies, silence and time."""
