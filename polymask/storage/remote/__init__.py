"""What lies at a URL: read as a path is, whatever the store."""
