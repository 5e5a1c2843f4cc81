"""The time model of a device: what takes time, what it costs there, and with which error."""
