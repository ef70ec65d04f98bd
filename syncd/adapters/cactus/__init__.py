"""The room of CACTUS: the HTTP adapter, the in-memory one, and the simulator of the remote."""
