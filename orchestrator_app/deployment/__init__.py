"""From a solution to running installations, and from an invocation to its result."""
