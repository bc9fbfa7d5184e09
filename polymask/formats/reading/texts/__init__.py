"""The texts of annotation files: pages of JSON, rows grouped by picture, lines, XML."""
