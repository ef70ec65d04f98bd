"""The commands, called as people and scripts call them."""
