"""Forests on arrays: clusterings, spanning trees, roots."""
