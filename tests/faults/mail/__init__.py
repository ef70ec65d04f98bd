"""Letters through every fault that a mail server, a network and a killed process can have."""
