"""Large COCO files, read by parts: an index of where each image's annotations lie."""
