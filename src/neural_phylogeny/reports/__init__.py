"""A Phylogeny drawn: text, JSON, Newick, graph. Computes nothing."""
