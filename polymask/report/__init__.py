"""Reports for people: HTML pages, notebooks, dry runs."""
