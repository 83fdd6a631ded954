"""How sure a number is, and which method is better: pure functions."""
