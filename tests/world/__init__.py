"""A world around the installed command: a CACTUS, a mission store and mail servers that share no code with syncd."""
