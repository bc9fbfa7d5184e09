"""What label files hold, a module a kind of text: names by line, YAML, JSON."""
