"""Found by scanning this folder."""
