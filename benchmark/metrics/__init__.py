"""Predictions in, numbers out: one module = one track. Pure functions."""
