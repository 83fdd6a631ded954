"""Pages that say what every method computes and what is known of every dataset."""
