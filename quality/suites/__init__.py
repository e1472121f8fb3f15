"""Suites: what the gate expects of a corpus, as files that can be extended."""
