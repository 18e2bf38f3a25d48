"""Reminder engines side by side: the same reminders, the same provider, as much in flight."""
