"""The bytes of modules and data files, by digest, and what they are."""
