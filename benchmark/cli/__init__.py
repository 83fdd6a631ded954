"""The command line: one module = one command, or a group of them."""
