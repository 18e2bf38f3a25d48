"""The backend for the weeks after minimally invasive spine surgery."""
