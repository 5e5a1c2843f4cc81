"""Many networks at once: ranges, sweeps, solving for a best one, Pareto fronts, closed formulas."""
