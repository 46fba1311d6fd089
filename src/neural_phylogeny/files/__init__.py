"""Files of any kind: read without waiting, written beside and renamed, hashed."""
