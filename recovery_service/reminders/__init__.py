"""The reminder loop: what is due becomes occurrences and deliveries, and goes out once."""
