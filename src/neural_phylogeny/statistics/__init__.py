"""One pass over the bytes: Gram matrices, moments, samples."""
