"""The emulator's documents: stored, found, queried."""
