"""Clips: frames with true time stamps, from any container that a decoder reads."""
