"""Data of one's own: a ``dataset.yaml`` or a table, read without knowing any dataset."""
