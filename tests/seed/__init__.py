"""The seed data."""
