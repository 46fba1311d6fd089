"""The laboratory: what makes, trains, fits and measures the product. The only importer of torch and matplotlib."""
