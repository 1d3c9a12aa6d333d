"""One file per version of the tables, in the order of their numbers. Never change one that was released."""
