"""The documents' room: an encrypted folder that keeps them, and a check of their bytes in a limited process."""
