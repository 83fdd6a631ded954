"""Faults inflicted on medtail: after the same command again, boards are those of a quiet run."""
