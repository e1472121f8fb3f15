"""Engines: who answers requests. One interface, whoever stands behind it."""
