"""A real family of checkpoints that ships with the package, with its truth."""
