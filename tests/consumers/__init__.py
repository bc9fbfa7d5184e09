"""Real trainers and scorers read what `convert` writes: `python -m tests.consumers` (see CONTRIBUTING.md)."""
