"""What learns from episodes shares: inner steps, meta-gradients, norms, bases."""
