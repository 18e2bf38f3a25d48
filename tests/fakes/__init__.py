"""Stand-ins for what lies outside the service: real processes, real sockets, real protocols."""
