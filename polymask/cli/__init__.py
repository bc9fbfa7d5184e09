"""The command line: commands, flags, the terminal; no logic."""
