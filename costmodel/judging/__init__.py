"""Before and after: differences between networks, budgets, revisions."""
