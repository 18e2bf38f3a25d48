"""What is true, as pure functions and values; the standard library only, and no I/O."""
