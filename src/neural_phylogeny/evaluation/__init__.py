"""How right a result was: metrics against a truth file."""
