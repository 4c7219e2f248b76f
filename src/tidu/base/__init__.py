"""The words everything uses: types, devices, sizes, trees, errors, random streams."""
