"""The remote at its worst: every row R of the fault catalogue over real sockets, and ten thousand initialisations."""
