"""What people write and are given, with no network in it: written quantities, and files written whole."""
