"""Identity: what could tell who a patient is, found and removed."""
