"""Tuned against default: the same small search for every method, and what it chose."""
