"""Which models are there: files, folders, globs, manifests, mappings in memory."""
