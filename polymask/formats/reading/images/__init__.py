"""Images and their pictures: names, subsets, addresses; pictures that cannot be done without."""
