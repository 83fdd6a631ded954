"""What is asked: cells, suites and the files they are read from."""
