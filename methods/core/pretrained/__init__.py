"""Pretrained weights: found by what a suite names, read, fitted into a backbone."""
