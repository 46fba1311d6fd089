"""The learned detector: features of pairs of models from one pass, a transformer over them, a forest."""
