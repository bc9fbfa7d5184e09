"""Files: source files, folders, object stores, and writing that survives a crash."""
