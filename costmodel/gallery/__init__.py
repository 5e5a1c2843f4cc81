"""What `reports/` shows: a table of every network, and the claims of the article held against computed costs."""
