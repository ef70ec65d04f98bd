"""The demo: what it invents, what it shows, and the whole of it as a process."""
