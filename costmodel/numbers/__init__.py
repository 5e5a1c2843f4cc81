"""One arithmetic for integers, arrays and symbols, whose whole numbers never wrap."""
