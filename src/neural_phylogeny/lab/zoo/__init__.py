"""Families with known truth: recipes, and what trains them; needs the extra ``zoo``."""
