"""Collections of models that share an initialisation seed: strangers and real relatives side by side."""
