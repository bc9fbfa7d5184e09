"""Files in object stores and on servers, read like local paths."""
