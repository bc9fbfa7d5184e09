"""Where files lie: folders, object stores, sources; writing that lasts."""
