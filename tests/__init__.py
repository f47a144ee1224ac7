"""The tests. They mirror the tree of the packages."""
