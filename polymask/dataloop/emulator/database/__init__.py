"""The emulator's documents: stored, looked up, queried."""
