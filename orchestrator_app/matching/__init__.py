"""Ask the graph what a step requires of its device; the solver judges the answers."""
