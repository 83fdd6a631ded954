"""What methods share: the base, backbones, and the functions that two papers import."""
