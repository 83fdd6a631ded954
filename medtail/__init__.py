"""medtail: imbalanced, long-tailed and rare-disease medical image classification."""
