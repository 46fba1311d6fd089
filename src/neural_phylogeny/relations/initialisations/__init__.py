"""Which draw of which generator a network began with: a seed, a place in its stream, and the scheme."""
