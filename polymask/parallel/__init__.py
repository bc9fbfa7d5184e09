"""Working on several images at once: in processes of this machine, on a cluster, in shards."""
