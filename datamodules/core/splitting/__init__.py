"""Which images are trained, validated and tested on: splits, regimes, episodes, leaks."""
