"""The configuration: what it takes, what it refuses, what it says of itself."""
