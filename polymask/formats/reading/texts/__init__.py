"""An annotation file as texts: pages of JSON, lines, XML."""
