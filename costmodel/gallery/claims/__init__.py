"""The claims, a theme a module: what was printed, and the check that decides it."""
