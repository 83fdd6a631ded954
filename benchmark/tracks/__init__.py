"""How a track trains and predicts."""
