"""Every implementation of a port, run through one suite per port."""
