"""``nphylo index``: one file per command."""
