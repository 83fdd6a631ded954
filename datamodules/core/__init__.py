"""What every dataset shares."""
