"""Large COCO files, read in parts through an index of each image's annotations."""
