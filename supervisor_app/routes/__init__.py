"""The HTTP surface: each route parses, calls one function, responds."""
