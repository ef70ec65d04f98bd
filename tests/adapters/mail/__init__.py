"""Letters, messages, and the two mailers against real servers and a real folder."""
