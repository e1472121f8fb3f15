"""Exports: a finished corpus in the forms that trainers and benchmarks read."""
