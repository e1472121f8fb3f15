"""Engines: who answers requests."""
