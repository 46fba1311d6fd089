"""Which models were put together from several others, and how: sums, layer by layer, value by value."""
