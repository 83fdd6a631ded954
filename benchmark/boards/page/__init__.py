"""The boards as one page that works offline."""
