"""From a manifest to the best possible placement, with every reason on record; pure."""
