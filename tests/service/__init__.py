"""The files by which the service is installed, run and watched."""
