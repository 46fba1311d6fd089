"""The learned detector: the room that turns measurements into scores of parenthood by a trained network."""
