"""JSON text: byte ranges, outlines and nesting of files too large for memory; cutting rows out."""
