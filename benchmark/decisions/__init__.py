"""What the predictions of a long-tail board are worth to who has to decide by them."""
