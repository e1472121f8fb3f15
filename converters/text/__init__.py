"""Text: sections, sentences, polarity, timed transcripts."""
