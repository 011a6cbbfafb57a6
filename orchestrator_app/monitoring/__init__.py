"""Observe the devices, compare with what is wanted, and mend."""
