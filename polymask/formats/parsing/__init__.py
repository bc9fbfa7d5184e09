"""JSON text: ranges of bytes, outlines and nesting of what is too large for memory; rows to cut out."""
