"""An annotation file as texts: pages of JSON, rows by picture, lines, XML."""
