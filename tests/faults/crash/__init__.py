"""The whole life of three contracts, killed at every step of its event loop, and at any moment from outside."""
