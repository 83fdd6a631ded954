"""What learns from given images alone shares."""
