"""Rows as batches: samplers and loaders. The part that needs torch and Lightning."""
