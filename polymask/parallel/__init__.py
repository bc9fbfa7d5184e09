"""Several images at once: on this machine, on a cluster, in shards."""
