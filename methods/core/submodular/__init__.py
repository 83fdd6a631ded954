"""Submodular mutual information: functions, similarities, two engines."""
