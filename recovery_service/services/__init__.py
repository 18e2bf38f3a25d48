"""Use-cases: explicit session and time; they flush, and never commit."""
