"""Which row to take for one's own few images, how sure that is, and what to expect of it."""
