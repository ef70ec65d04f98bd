"""Settings, adapters, store and clock put together."""
