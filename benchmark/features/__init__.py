"""Frozen features: computed once by a network, or brought along, in the place of images."""
