"""Replicas that die, stop, or lose their database or their place among the others: nothing is done twice or waits."""
