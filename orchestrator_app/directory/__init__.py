"""Which Things there are, and how to ask about them."""
