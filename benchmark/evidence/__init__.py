"""What is kept of a cell: its record and its predictions."""
