"""What-if: edit, compare, watch, hold to a budget, sweep and solve. Everything acts on the spec."""
