"""Images and their pictures: names, subsets, addresses, required pictures."""
