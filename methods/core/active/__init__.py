"""What chooses images to label shares."""
