"""The runner: names neither a paper nor a dataset."""
