"""The documents that a corpus carries: dataset card, NOTICE and Croissant metadata."""
