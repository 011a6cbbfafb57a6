"""Pydantic models, one file per vocabulary."""
