"""What an emulator begins with."""
