"""Jobs of newcomers, done by what the docs say and nothing else: the commands are taken from the pages."""
