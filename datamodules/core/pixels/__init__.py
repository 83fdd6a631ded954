"""Images: read, drawn, kept in a mapped file, augmented."""
