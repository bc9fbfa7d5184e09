"""JSON too large for memory: its bytes by ranges, its outline, its nesting."""
