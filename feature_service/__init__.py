"""Features: defined once, computed the same way for training and for serving."""
