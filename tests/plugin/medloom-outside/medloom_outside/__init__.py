"""An outside package: medloom knows nothing of it but its entry points."""
