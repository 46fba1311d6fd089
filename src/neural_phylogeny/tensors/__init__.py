"""The same tensor in several models: names, roles, shapes, what was left out and why."""
