"""The local job: annotations in, a folder of masks out."""
