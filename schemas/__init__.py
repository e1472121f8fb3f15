"""Typed models of everything that flows through medloom, and their Arrow schemas."""

SCHEMA_VERSION = "1.3"
