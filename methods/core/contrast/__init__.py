"""Losses of embeddings, momentum copies and queues."""
