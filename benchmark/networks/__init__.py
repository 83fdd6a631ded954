"""Trained networks: kept beside their record, loaded again, applied to images, exported."""
