"""The tests mirror the folders they test; helpers lie here: boards, twins, chromium."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
