"""Predictions made elsewhere, held against a board."""
