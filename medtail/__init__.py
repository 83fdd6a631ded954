"""medtail: imbalanced, long-tailed and rare-disease medical image classification."""

__version__ = "0.2.0"
