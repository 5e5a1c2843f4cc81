"""The campaign: what is measured on a machine, and the time model that is fitted to it."""
